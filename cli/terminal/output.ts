// deno-lint-ignore-file no-console -- the one place that writes to the terminal

import { styleText } from "node:util";
import { CliError, isErrno } from "./errors.ts";
import { secretPattern } from "./secret_pattern.ts";

export type Colour = "red" | "green" | "yellow" | "grey" | "bold" | "inverse";

const coloured = { stdout: false, stderr: false };
let held: string[] | null = null;

/** Talk: what a person may want to know, on stderr. That nobody can hear it does not end the work. */
export function say(text: string): void {
  try {
    console.error(redact(text));
  } catch (error) {
    const unheard = error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.WouldBlock ||
      isErrno(error, "EPIPE", "EAGAIN", "ENOSPC", "EDQUOT", "EIO");
    if (!unheard) throw error;
  }
}

/** Something is not as it should be, but the work goes on. */
export function warn(text: string): void {
  if (held !== null) held.push(text);
  else say(`${paint("yellow", "warning:")} ${text}`);
}

/** Keeps warnings back until they are taken or released: one JSON object is all that may come on stderr. */
export function holdWarnings(): void {
  held = [];
}

/** The warnings that were kept back, which nobody else will say. */
export function takeWarnings(): string[] {
  const taken = held ?? [];
  held = null;
  return taken;
}

/** Says the warnings that were kept back, and from now on each one at once. */
export function releaseWarnings(): void {
  for (const text of takeWarnings()) warn(text);
}

/** The answer to what was asked, on stdout. */
export function answer(text: string): void {
  try {
    console.log(text);
  } catch (error) {
    if (!(error instanceof Error) || !isErrno(error, "ENOSPC", "EDQUOT", "EIO")) throw error;
    throw new CliError("unexpected", `Cannot write the answer: ${error.message}`, {
      hint: "df -h",
      cause: error,
    });
  }
}

/** The answer as one JSON object on one line. */
export function answerJson(value: object): void {
  answer(JSON.stringify(value));
}

/** A text without secrets, which people put where an id, an address or another flag belongs. */
export function redact(text: string): string {
  return text.replace(secretPattern, "$1$2$3$4$5…");
}

/** The text in a colour where its stream is a terminal and `NO_COLOR` does not forbid it; elsewhere as it is. */
export function paint(colour: Colour, text: string, stream: keyof typeof coloured = "stderr"): string {
  return coloured[stream] ? styleText(colour, text, { validateStream: false }) : text;
}

/** Decides about colours once, at the start, for each stream by itself. */
export function setColours(environment: (name: string) => string | undefined): void {
  const wanted = !environment("NO_COLOR") && environment("TERM") !== "dumb";
  coloured.stdout = wanted && Deno.stdout.isTerminal();
  coloured.stderr = wanted && Deno.stderr.isTerminal();
}
