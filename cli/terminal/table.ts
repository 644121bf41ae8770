import getWidth from "fast-string-truncated-width";
import { type Colour, paint } from "./output.ts";
import { printable } from "./printable.ts";

/** One column of a table. */
export interface Column<Row> {
  title: string;
  /** What is shown of a row; it is made printable. */
  text: (row: Row) => string;
  colour?: (row: Row) => Colour | null;
  /** The width to which it may be cut where there is too little room; without it, it is never cut. */
  least?: number;
  /** It is left out where there is too little room: the highest number first. Without one, it always stays. */
  dropped?: number;
}

const gap = "  ";
const gapWidth = 2;
const characters = new Intl.Segmenter();

/** The columns that are shown, and how wide they are. */
export interface Layout<Row> {
  columns: readonly { column: Column<Row>; width: number }[];
}

/**
 * The lines of a table, its titles first, none wider than `width`: columns are cut to their least width, then dropped,
 * those that may be first. A null width is endless.
 */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | null,
): string[] {
  const layout = layOut(rows, columns, width);
  return [titleOf(layout), ...rows.map((row) => rowOf(row, layout))];
}

/** The layout that fits these rows; others can be shown in it, too, cut where they are wider. */
export function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | null,
): Layout<Row> {
  const wanted = columns.map((column) => {
    const texts = [column.title, ...rows.map((row) => printable(column.text(row)))];
    return { column, width: texts.reduce((most, text) => Math.max(most, widthOf(text)), 0) };
  });
  return { columns: fit(wanted, width ?? Infinity) };
}

export function titleOf<Row>({ columns }: Layout<Row>): string {
  return paint("bold", lineOf(columns.map(({ column, width }) => padEnd(column.title, width))), "stdout");
}

export function rowOf<Row>(row: Row, { columns }: Layout<Row>): string {
  const last = columns.length - 1;
  return lineOf(columns.map(({ column, width }, index) => {
    const text = printable(column.text(row));
    // Nothing stands behind the last one.
    const padded = index === last ? cut(text, width) : padEnd(text, width);
    const colour = column.colour?.(row) ?? null;
    return colour === null ? padded : paint(colour, padded, "stdout");
  }));
}

/** The columns of a text on a terminal: a wide character, such as an emoji or one of Chinese, takes two. */
export function widthOf(text: string): number {
  return getWidth(text).width;
}

/** A text that takes this many columns at most, with "…" where it was cut; between characters, never within one. */
export function cut(text: string, width: number): string {
  if (width < 1) return "";
  if (widthOf(text) <= width) return text;
  // The package's own cutting loses count where letters outside Latin come before Latin ones (3.0.3).
  let shown = "";
  for (const { segment } of characters.segment(text)) {
    if (widthOf(shown + segment) > width - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

/** A text in lines of this width at most, broken between words, or within one that is wider. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && widthOf(`${line} ${word}`) <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(cut(word, width));
  }
  return lines;
}

type Sized<Row> = Layout<Row>["columns"][number];

function fit<Row>(wanted: readonly Sized<Row>[], width: number): Sized<Row>[] {
  const narrowest = sum(wanted.map(({ column, width }) => Math.min(width, column.least ?? width)));
  if (narrowest > width && wanted.length > 1) return fit(withoutOne(wanted), width);
  return shrink(wanted, sum(wanted.map(({ width }) => width)) - width);
}

/** Without the column that is dropped first; where all that are left should stay, without the last one. */
function withoutOne<Row>(wanted: readonly Sized<Row>[]): Sized<Row>[] {
  const most = Math.max(...wanted.map(({ column }) => column.dropped ?? -1));
  return most < 0 ? wanted.slice(0, -1) : wanted.filter(({ column }) => column.dropped !== most);
}

/** Takes what is too much from the columns that may be cut, always from the widest. */
function shrink<Row>(wanted: readonly Sized<Row>[], excess: number): Sized<Row>[] {
  const fitted = wanted.map((one) => ({ ...one, least: Math.min(one.width, one.column.least ?? one.width) }));
  for (; excess > 0; excess--) {
    const open = fitted.filter(({ width, least }) => width > least);
    // One column that may not be cut is left: it is, or the line would break.
    const widest = open.toSorted((one, other) => other.width - one.width)[0] ?? fitted.at(-1);
    if (widest === undefined || widest.width === 0) break;
    widest.width -= 1;
  }
  return fitted;
}

function sum(widths: readonly number[]): number {
  return widths.reduce((all, width) => all + width, gapWidth * Math.max(0, widths.length - 1));
}

/** A text that takes exactly this many columns: cut, or with spaces at its end. */
export function padEnd(text: string, width: number): string {
  const shown = cut(text, width);
  return shown + " ".repeat(Math.max(0, width - widthOf(shown)));
}

/** Without the spaces at its end, which a copied line would have. */
function lineOf(cells: readonly string[]): string {
  return cells.join(gap).trimEnd();
}
