// deno-lint-ignore-file no-console -- the one place that writes to the terminal

/** Talk: what a person may want to know, on stderr. */
export function say(text: string): void {
  console.error(text);
}

/** The answer to what was asked, on stdout. */
export function answer(text: string): void {
  console.log(text);
}
