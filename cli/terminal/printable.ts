const maxLength = 500;
// deno-lint-ignore no-control-regex -- control characters are what is taken out
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text from elsewhere as it may be shown on a terminal: without control and bidirectional characters, well-formed,
 * and no longer than 500 characters, which is what the server keeps of a message.
 */
export function printable(text: string): string {
  return [...withoutControls(text).slice(0, 2 * maxLength)].slice(0, maxLength).join("").toWellFormed();
}

/** The same value with every string in it, names of fields too, as it may be shown, but in its whole length. */
export function printableStrings(value: unknown): unknown {
  if (typeof value === "string") return withoutControls(value).toWellFormed();
  if (Array.isArray(value)) return value.map(printableStrings);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [withoutControls(name), printableStrings(inner)]),
  );
}

/** Whether a terminal would show the text as it is. */
export function isPrintable(text: string): boolean {
  return withoutControls(text) === text && text.isWellFormed();
}

function withoutControls(text: string): string {
  return text.replace(unprintable, "?");
}
