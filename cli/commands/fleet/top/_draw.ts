import { stripVTControlCharacters } from "node:util";
import { fleetSentence } from "../../../fleet/sentence.ts";
import { formatQuery } from "../../../fleet/query.ts";
import { durationText } from "../../../terminal/duration.ts";
import { paint } from "../../../terminal/output.ts";
import { plainLine } from "../../../terminal/plain.ts";
import { printable } from "../../../terminal/printable.ts";
import type { Size } from "../../../terminal/screen.ts";
import { cut, wrap } from "../../../terminal/table.ts";
import { boxLines } from "./_boxes.ts";
import { partLines } from "./_parts.ts";
import { type Box, type Look, type Moment, nameOf, type State } from "./_state.ts";

/** How a terminal shows it. */
export interface View {
  size: Size;
  now: Moment;
  /** It shows ASCII only. */
  isPlain: boolean;
}

/** What is older is not shown as what is. A look comes each two seconds. */
const staleSeconds = 9;

/** The screen in lines, none wider than it is. */
export function draw(state: State, { size, now, isPlain }: View): string[] {
  const { columns, rows } = size;
  const age = state.look === null ? null : ageOf(state.look.at, now);
  const isStale = age === null || age >= staleSeconds;
  const head = headLines(state, { columns, age });
  const foot = footLines(state, columns);
  const room = Math.max(0, rows - head.length - foot.length);
  const body = state.box !== null && state.box.kind !== "prompt"
    ? boxLines(state.box, { state, columns, rows: room })
    : partLines(state, { columns, rows: room });
  const shown = body.slice(0, room).map((line) =>
    isStale ? paint("grey", stripVTControlCharacters(line), "stdout") : line
  );
  const filled = [...shown, ...Array.from({ length: room - shown.length }, () => "")];
  const lines = [...head, ...filled, ...foot].slice(0, rows);
  return isPlain ? lines.map(plainLine) : lines;
}

/** Seconds since a moment, by the clock that counted more: one stands still in a sleeping host, one may be set back. */
export function ageOf(at: Moment, now: Moment): number {
  return Math.max(0, now.monotonic - at.monotonic, now.wall - at.wall) / 1000;
}

function headLines(state: State, { columns, age }: { columns: number; age: number | null }): string[] {
  const { look, failure } = state;
  if (look === null || age === null) {
    const text = failure === null ? "asking the server …" : `No answer yet: ${failure}. It is asked again.`;
    return wrap(printable(text), columns).slice(0, 3).map((line) =>
      failure === null ? line : paint("red", line, "stdout")
    );
  }
  const sentence = `${fleetSentence(look)}.`;
  const isStale = age >= staleSeconds;
  const text = printable(`${sentence} ${freshness(look, age, failure)}`);
  const lines = wrap(text, columns).slice(0, 3);
  return [
    ...lines.map((line) => isStale ? paint("red", line, "stdout") : paint("bold", line, "stdout")),
    ...filterLine(state, columns),
  ];
}

function freshness({ at }: Look, age: number, failure: string | null): string {
  const because = failure === null ? "" : `: ${failure}`;
  if (age >= staleSeconds) {
    return `NOT UP TO DATE since ${timeText(new Date(at.wall))}, ${durationText(age)} ago${
      because || ": no answer yet"
    }`;
  }
  return `Updated ${durationText(age)} ago${failure === null ? "." : `; the last look failed${because}`}`;
}

function timeText(time: Date): string {
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function filterLine({ query }: State, columns: number): string[] {
  const { sort: _, ...filter } = query;
  const text = formatQuery(filter);
  return text === "" ? [] : [paint("yellow", cut(printable(`only ${text}`), columns), "stdout")];
}

const keys: Record<Exclude<Box["kind"], "prompt"> | "screen", string> = {
  screen: "? help  Tab part  / filter  s sort  g group  Enter details  a act  q quit",
  help: "Esc back",
  details: "a act  Esc back",
  acts: "Enter choose  Esc back",
  confirm: "y do it  any other key: leave it",
};

/** What is asked, or what the last key came to, or the keys. */
function footLines({ box, note, isReader }: State, columns: number): string[] {
  if (box?.kind === "prompt") {
    const shown = printable(`${questionOf(box)}: ${box.text}`);
    // The end of a long answer is what is typed now.
    const fitting = [...shown].slice(-Math.max(1, columns - 1)).join("");
    const help = {
      filter: "words of name or host, liveness=offline,late label=key:value sort=name; Enter, Esc",
      group: "the key of a label, such as site; nothing: all in one group; Enter, Esc",
      mute: "2h, 7d or 2026-12-01T08:00; Enter, Esc",
    }[box.asks];
    return [
      box.fault === null
        ? paint("grey", cut(help, columns), "stdout")
        : paint("red", cut(printable(box.fault), columns), "stdout"),
      `${cut(fitting, columns - 1)}_`,
    ];
  }
  if (note !== null) {
    return [paint(note.isFault ? "red" : "bold", cut(printable(note.text), columns), "stdout")];
  }
  const text = keys[box?.kind ?? "screen"];
  return [paint("grey", cut(isReader ? text.replace(/a act {2}/, "") : text, columns), "stdout")];
}

function questionOf(box: Extract<Box, { kind: "prompt" }>): string {
  if (box.asks === "filter") return "filter";
  return box.asks === "group" ? "group by the label" : `mute ${nameOf(box.target)} for, or until`;
}
