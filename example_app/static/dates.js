/** Times and days in words. */

const DAY = 24 * 60 * 60 * 1000;
const relative = new Intl.RelativeTimeFormat("en-GB", {numeric: "auto"});
const weekday = new Intl.DateTimeFormat("en-GB", {weekday: "long"});
const dayAndMonth = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});
const fullDate = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium"});

/** @param {string} time ISO 8601 @returns {string} such as "5 minutes ago" */
export function ago(time) {
  const minutes = Math.round((Date.parse(time) - Date.now()) / 60_000);
  if (minutes > -1) return "just now";
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -60 * 24) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 60 / 24), "day");
}

/**
 * How a due date stands today, where the reader is.
 *
 * @param {string} due ISO 8601, a day
 * @param {Date} [now]
 * @returns {{text: string, state: "overdue" | "today" | "later"}}
 */
export function dueWords(due, now = new Date()) {
  const day = localDay(due);
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  // Rounded: a day of the change to summer time has 23 hours.
  const days = Math.round((day.getTime() - today.getTime()) / DAY);
  if (days === -1) return {text: "Overdue since yesterday", state: "overdue"};
  if (days < 0) return {text: `Overdue by ${-days} days`, state: "overdue"};
  if (days === 0) return {text: "Due today", state: "today"};
  if (days === 1) return {text: "Due tomorrow", state: "later"};
  if (days < 7) return {text: `Due on ${weekday.format(day)}`, state: "later"};
  const format = day.getFullYear() === today.getFullYear() ? dayAndMonth : fullDate;
  return {text: `Due ${format.format(day)}`, state: "later"};
}

/** @param {string} due ISO 8601, a day @returns {string} such as "5 Nov 2030" */
export function dayWords(due) {
  return fullDate.format(localDay(due));
}

/** Midnight here, and not in Greenwich as Date.parse has it. @param {string} text */
function localDay(text) {
  const [year, month, date] = text.split("-").map(Number);
  return new Date(year, month - 1, date);
}
