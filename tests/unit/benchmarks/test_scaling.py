"""What shows that costs stay flat runs, and draws; no figure is judged here."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.picture import picture
from benchmarks.scaling import BY_RECEIVERS, SERIES, main

SVG = "{http://www.w3.org/2000/svg}"


def test_the_table_has_a_line_for_each_series_and_so_has_the_picture(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    drawn = tmp_path / "scaling.svg"

    main(["--sizes", "2", "5", "--runs", "1", "--picture", str(drawn)])

    head, *lines = capsys.readouterr().out.splitlines()
    names = [*SERIES, BY_RECEIVERS]
    assert head.split() == ["µs", "2", "5"]
    assert [line.split("  ")[0] for line in lines] == names
    assert all(float(cell) > 0 for line in lines for cell in line.split()[-2:])
    texts = [each.text for each in ElementTree.parse(drawn).iter(f"{SVG}text")]
    assert [text for text in texts if text in names] == names


def test_a_higher_value_is_drawn_higher_and_what_is_named_is_escaped() -> None:
    drawn = picture({"a < b": [1.0, 3.0]}, [10, 1000], unit="µs", of="clients")

    root = ElementTree.fromstring(drawn)
    [line] = [
        each.get("points", "").split()
        for each in root.iter(f"{SVG}polyline")
        if each.get("stroke") == "#0072b2"
    ][:1]
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line)
    assert x1 < x2
    assert y1 > y2
    assert "a < b" in [each.text for each in root.iter(f"{SVG}text")]
