import { isRecord, uuid } from "../values.ts";
import type { ContractError } from "./errors.ts";
import { badField } from "./fields.ts";
import { jsonReply, type Reply } from "./messages.ts";

/** Where a page begins: the key of the last row before it, as its SQL function reads it. */
export type Cursor = Readonly<Record<string, unknown>>;

/** Which page of a list is asked for. */
export interface Page {
  limit: number;
  /** Null for the first page. */
  after: Cursor | null;
}

/** Which page of a list that is ordered by creation is asked for. */
export interface PageByCreation {
  limit: number;
  /** The microseconds since the epoch at which the last row before it was made, and its id. */
  after: { created_us: number; id: string } | null;
}

const defaultLimit = 50;
const longestLimit = 200;

/** The page that a query asks for by `limit` (1 to 200, 50 when it is not there) and `cursor`. */
export function parsePage(query: URLSearchParams): Page {
  const limit = query.get("limit");
  const cursor = query.get("cursor");
  return {
    limit: limit === null ? defaultLimit : parseLimit(limit),
    after: cursor === null ? null : parseCursor(cursor),
  };
}

/** The page of a list that is ordered by creation. */
export function parsePageByCreation(query: URLSearchParams): PageByCreation {
  const { limit, after } = parsePage(query);
  if (after === null) return { limit, after };
  const { created_us, id } = after;
  const isTime = typeof created_us === "number" && Number.isSafeInteger(created_us) && created_us >= 0;
  if (!isTime || typeof id !== "string" || !uuid.test(id)) throw badCursor();
  return { limit, after: { created_us, id } };
}

/** A list's reply: its rows under their noun, the cursor of the page after it (null: there is none), the time. */
export function listReply(
  noun: string,
  { rows, next, ...rest }: { rows: readonly unknown[]; next: Cursor | null; [more: string]: unknown },
  now: Date,
): Reply {
  return jsonReply({
    [noun]: rows,
    ...rest,
    next_cursor: next === null ? null : formatCursor(next),
    server_time: now.toISOString(),
  });
}

/** The words of a parameter that takes several, with commas between; null when it is not there. */
export function parseWords(query: URLSearchParams, name: string, known: readonly string[]): string[] | null {
  const given = query.get(name);
  if (given === null) return null;
  const words = given.split(",");
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined) throw badField(name, `has a word that is not one of ${known.join(", ")}`);
  return words;
}

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > longestLimit) {
    throw badField("limit", `is not a whole number from 1 to ${longestLimit}`);
  }
  return limit;
}

/** A cursor as a page of a list ends with it. */
export function formatCursor(cursor: Cursor): string {
  const bytes = new TextEncoder().encode(JSON.stringify(cursor));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The SQL function casts what is in it, so its own check has to say what each key holds. */
export function parseCursor(text: string): Cursor {
  if (!/^[\w-]{1,2048}$/.test(text)) throw badCursor();
  try {
    const bytes = Uint8Array.from(
      atob(text.replaceAll("-", "+").replaceAll("_", "/")),
      (one) => one.charCodeAt(0),
    );
    const cursor: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isRecord(cursor)) return cursor;
  } catch (error) {
    const isMalformed = error instanceof SyntaxError || error instanceof TypeError ||
      (error instanceof DOMException && error.name === "InvalidCharacterError");
    if (!isMalformed) throw error;
  }
  throw badCursor();
}

/** The refusal of a cursor that no page of this list ended with. */
export function badCursor(): ContractError {
  return badField("cursor", "is not one that a page of this list ended with");
}
