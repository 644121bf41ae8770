const maxLength = 500;

/**
 * A text from elsewhere as it may be shown on a terminal: without control and bidirectional characters, well-formed,
 * and no longer than 500 characters, which is what the server keeps of a message.
 */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is taken out
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "?");
  return [...clean.slice(0, 2 * maxLength)].slice(0, maxLength).join("").toWellFormed();
}
