/** A word as a POSIX shell reads it back, whatever is in it: for commands that are shown to be typed. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
