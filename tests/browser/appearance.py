"""Look at a page: a screenshot, and whether it fits and can be read."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SCREENSHOTS = Path(__file__).with_name("screenshots")


def look(page: Page, name: str) -> None:
    """Take a screenshot for people; check what can be checked without them."""
    SCREENSHOTS.mkdir(exist_ok=True)
    # A dialog covers the window and not the page.
    is_whole = page.get_by_role("dialog").count() == 0
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=is_whole)
    assert page.evaluate(OVERFLOW) <= 0, f"{name} is wider than the screen"
    assert page.evaluate(LOW_CONTRAST) == [], name
    assert page.evaluate(SMALL_TARGETS) == [], name


OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"

# WCAG 2.2, 1.4.3: text and its ground differ by 4.5 to 1 at least.
LOW_CONTRAST = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const channel = (value) => value <= 10.31
        ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
        0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const colour = numbers(getComputedStyle(one).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const hasText = (element) => [...element.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const low = [];
    for (const element of document.querySelectorAll("body *")) {
        if (!hasText(element) || !element.checkVisibility()) continue;
        if (element.disabled) continue;
        const text = luminance(numbers(getComputedStyle(element).color));
        const behind = luminance(ground(element));
        const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
        if (ratio < 4.5) low.push(`${element.textContent.trim()}: ${ratio.toFixed(1)}`);
    }
    return low;
}"""

# WCAG 2.2, 2.5.5: a finger finds 44 by 44 pixels. Links in sentences may be smaller.
SMALL_TARGETS = """() => {
    const small = [];
    const controls = "button, select, input, a.button, .footer a, .bar a";
    for (const control of document.querySelectorAll(controls)) {
        if (!control.checkVisibility()) continue;
        // Whoever hits the label of a box hits the box.
        const target = control.type === "checkbox" ? control.labels[0] : control;
        const {width, height} = target.getBoundingClientRect();
        if (Math.min(width, height) < 44) {
            small.push(`${control.id || control.textContent}: ${width} x ${height}`);
        }
    }
    return small;
}"""
