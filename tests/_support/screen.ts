import { widthOf } from "../../cli/terminal/table.ts";

/** What a terminal shows after it was sent a text of ours, and what it was told beside that. */
export interface Showing {
  /** The lines of the second screen while it is shown, else of nothing. */
  lines: string[];
  /** How each cell of them is painted: the numbers of ECMA-48's SGR that are on there. */
  paints: (readonly string[])[][];
  isSecond: boolean;
  hasCursor: boolean;
}

const characters = new Intl.Segmenter();
// deno-lint-ignore no-control-regex -- what a terminal acts on begins with one
const token = /\u001b\[(\??)([\d;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]+/g;

/** Draws as a terminal would, as far as our programs go: the second screen, the cursor's place, and what is erased. */
export function showingOf(text: string): Showing {
  const showing: Showing = { lines: [], paints: [], isSecond: false, hasCursor: true };
  let row = 0;
  let paint: readonly string[] = [];
  let cells: string[][] = [];
  let column = 0;
  const line = (): string[] => cells[row] ??= [];
  for (const [whole, isPrivate, numbers = "", command] of text.matchAll(token)) {
    if (whole === "\r") column = 0;
    else if (whole === "\n") row += 1;
    else if (command === undefined) {
      for (const { segment } of characters.segment(whole)) {
        const width = Math.max(1, widthOf(segment));
        const put = [segment, ...Array.from({ length: width - 1 }, () => "")];
        for (const part of put) {
          line()[column] = part;
          (showing.paints[row] ??= [])[column] = paint;
          column += 1;
        }
      }
    } else if (command === "m") paint = numbers.split(";").reduce(painted, paint);
    else if (isPrivate) {
      const isSet = command === "h";
      if (numbers === "25") showing.hasCursor = isSet;
      if (numbers !== "1049") continue;
      showing.isSecond = isSet;
      cells = [];
      [row, column] = [0, 0];
    } else if (command === "H") {
      const [first, second] = numbers.split(";");
      [row, column] = [Number(first || 1) - 1, Number(second || 1) - 1];
    } else if (command === "K") line().length = Math.min(line().length, column);
    else if (command === "J") {
      line().length = Math.min(line().length, column);
      cells.length = row + 1;
    }
  }
  showing.lines = showing.isSecond
    ? Array.from(cells, (one) => Array.from(one ?? [], (cell) => cell ?? " ").join("").trimEnd())
    : [];
  return showing;
}

/** What is on after one more number: what ends bold, inverse or a color, and 0, take away. */
function painted(before: readonly string[], number: string): readonly string[] {
  const ended = { "22": /^[12]$/, "27": /^7$/, "39": /^[39]\d$/ }[number];
  if (number === "" || number === "0") return [];
  return ended === undefined ? [...before, number] : before.filter((one) => !ended.test(one));
}
