/** Text from elsewhere on its way to a terminal: it moves no cursor, changes no colour and begins no line of its own. */

/** Control characters but the newline (C0, DEL, C1), separators of lines, and what turns the direction of writing. */
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
const NOT_PLAIN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Each such character as `\u001b`, so that it can be seen what stood there. Newlines stay: our own texts have them. */
export function plainText(text: string): string {
  return text.replace(NOT_PLAIN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** For a word inside a line: newlines too. */
export function plainLine(text: string): string {
  return plainText(text).replaceAll('\n', '\\n');
}
