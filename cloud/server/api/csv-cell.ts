/** Pure: text in a CSV that a spreadsheet takes for text and for nothing else. */

/** What a spreadsheet takes for the beginning of a formula. */
const FORMULA_START = /^[=+\-@\t\r]/;

/** An apostrophe before what could be a formula; quotes around what holds a separator, a quote or a line's end. */
export function csvText(text: string): string {
  const safe = FORMULA_START.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
