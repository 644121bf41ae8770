import type { Cursor } from "../http/pages.ts";
import { each, orNull, record } from "./readers.ts";

/** One page of a list, and the cursor of the page after it; null at the end. */
export interface Listed<Row> {
  rows: Row[];
  next: Cursor | null;
}

/** Reads what a SQL function that lists has returned. */
export function readListed<Row>(reply: unknown, readRow: (row: unknown) => Row): Listed<Row> {
  const { rows, next } = record(reply);
  return { rows: each(readRow)(rows), next: orNull(record)(next) };
}
