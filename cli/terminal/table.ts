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

/**
 * The lines of a table, its titles first, none wider than `width`: first columns are cut to their least width, then
 * dropped, then the last one is cut. A null width is endless, and pads nothing at the end of a line.
 */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | null,
): string[] {
  const cells = columns.map((column) => cellsOf(column, rows));
  const fitted = fit(cells, width ?? Infinity);
  const title = lineOf(fitted.map(({ column, width }) => pad(column.title, width)), "bold");
  return [
    title,
    ...rows.map((row, index) => lineOf(fitted.map((column) => cellOf(column, row, index)), null)),
  ];
}

/** The columns of a text on a terminal: a wide character, such as an emoji or one of Chinese, takes two. */
export function widthOf(text: string): number {
  return getWidth(text).width;
}

/** A text that takes this many columns at most, with "…" where it was cut; between characters, never within one. */
export function cut(text: string, width: number): string {
  if (width < 1) return "";
  const { truncated, ellipsed, index } = getWidth(text, { limit: width, ellipsis: "…", ellipsisWidth: 1 });
  return truncated ? `${text.slice(0, index)}${ellipsed ? "…" : ""}` : text;
}

interface Cells<Row> {
  column: Column<Row>;
  texts: string[];
  width: number;
}

function cellsOf<Row>(column: Column<Row>, rows: readonly Row[]): Cells<Row> {
  const texts = rows.map((row) => printable(column.text(row)));
  const width = [column.title, ...texts].reduce((most, text) => Math.max(most, widthOf(text)), 0);
  return { column, texts, width };
}

function fit<Row>(cells: readonly Cells<Row>[], width: number): Cells<Row>[] {
  const narrowest = sum(cells.map(({ column, width }) => Math.min(width, column.least ?? width)));
  const most = Math.max(-1, ...cells.map(({ column }) => column.dropped ?? -1));
  if (narrowest > width && most >= 0) {
    return fit(cells.filter(({ column }) => column.dropped !== most), width);
  }
  return shrink(cells, sum(cells.map(({ width }) => width)) - width);
}

/** Takes what is too much from the columns that may be cut, always from the widest. */
function shrink<Row>(cells: readonly Cells<Row>[], excess: number): Cells<Row>[] {
  const widths = cells.map(({ width }) => width);
  for (; excess > 0; excess--) {
    const widest = cells.reduce<number | null>((found, { column }, index) => {
      const width = widths[index] ?? 0;
      if (width <= Math.min(column.least ?? width, width)) return found;
      return found === null || width > (widths[found] ?? 0) ? index : found;
    }, null);
    // Nothing may be cut any more: the last one is, or the line would break.
    const index = widest ?? cells.length - 1;
    widths[index] = Math.max(0, (widths[index] ?? 0) - 1);
  }
  return cells.map((cell, index) => ({ ...cell, width: widths[index] ?? 0 }));
}

function sum(widths: readonly number[]): number {
  return widths.reduce((all, width) => all + width, gapWidth * Math.max(0, widths.length - 1));
}

function cellOf<Row>({ column, texts, width }: Cells<Row>, row: Row, index: number): string {
  const padded = pad(texts[index] ?? "", width);
  const colour = column.colour?.(row) ?? null;
  return colour === null ? padded : paint(colour, padded, "stdout");
}

function pad(text: string, width: number): string {
  const shown = cut(text, width);
  return shown + " ".repeat(Math.max(0, width - widthOf(shown)));
}

/** Without the spaces at its end, which a copied line would have. */
function lineOf(cells: readonly string[], colour: Colour | null): string {
  const line = cells.join(gap).trimEnd();
  return colour === null ? line : paint(colour, line, "stdout");
}
