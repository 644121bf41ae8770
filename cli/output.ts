// deno-lint-ignore-file no-console -- the one place that writes to the terminal

import { styleText } from "node:util";

type Colour = "red" | "green" | "yellow" | "grey" | "bold";

let coloured = false;

/** Talk: what a person may want to know, on stderr. */
export function say(text: string): void {
  console.error(text);
}

/** Something is not as it should be, but the work goes on. */
export function warn(text: string): void {
  console.error(`${paint("yellow", "warning:")} ${text}`);
}

/** The answer to what was asked, on stdout. */
export function answer(text: string): void {
  console.log(text);
}

/** The answer as one JSON object on one line. */
export function answerJson(value: object): void {
  console.log(JSON.stringify(value));
}

/** The text in a colour where stderr is a terminal and `NO_COLOR` does not forbid it; elsewhere as it is. */
export function paint(colour: Colour, text: string): string {
  return coloured ? styleText(colour, text, { validateStream: false }) : text;
}

/** Decides about colours once, at the start. */
export function setColours(environment: (name: string) => string | undefined): void {
  coloured = Deno.stderr.isTerminal() && !environment("NO_COLOR") && environment("TERM") !== "dumb";
}
