// deno-lint-ignore-file no-console -- the one place that writes to the terminal

import { styleText } from "node:util";
import { isErrno } from "./errors.ts";

type Colour = "red" | "green" | "yellow" | "grey" | "bold";

let coloured = false;

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
  say(`${paint("yellow", "warning:")} ${text}`);
}

/** The answer to what was asked, on stdout. */
export function answer(text: string): void {
  console.log(text);
}

/** The answer as one JSON object on one line. */
export function answerJson(value: object): void {
  console.log(JSON.stringify(value));
}

/** A text without the agent's secret, which people put where an id, an address or another flag belongs. */
export function redact(text: string): string {
  return text.replace(/ocs_[\w-]{6,}/g, "ocs_…");
}

/** The text in a colour where stderr is a terminal and `NO_COLOR` does not forbid it; elsewhere as it is. */
export function paint(colour: Colour, text: string): string {
  return coloured ? styleText(colour, text, { validateStream: false }) : text;
}

/** Decides about colours once, at the start. */
export function setColours(environment: (name: string) => string | undefined): void {
  coloured = Deno.stderr.isTerminal() && !environment("NO_COLOR") && environment("TERM") !== "dumb";
}
