import { type Call, SqlArray, type SqlCall } from "../../../supabase/functions/_shared/database/port.ts";
import type { Job } from "../schedule.ts";

/** A row of a query's result. */
export type Row = Readonly<Record<string, unknown>>;

/** A connection as the role that owns the schema, for migrations. */
export interface Connection {
  rows: (sql: string) => Promise<Row[]>;
  /** Runs any number of statements. */
  run: (sql: string) => Promise<void>;
}

/** A database that a server may have to migrate. */
export interface Owner extends Connection {
  /** Does the work in one transaction, all or not at all. Another migration of the same database waits for it. */
  exclusively: (work: (connection: Connection) => Promise<void>) => Promise<void>;
}

/** An open, migrated database. */
export interface Store {
  /** Calls a SQL function as the service role. */
  call: Call;
  /** Whether this thread goes on while a call is under way. */
  isParallel: boolean;
  /** Whether a second list of handshakes may be sent behind one that is under way: they are done one after the other. */
  pipelines: boolean;
  /** The work that it needs again and again. */
  jobs: readonly Job[];
  close: () => Promise<void>;
}

/** The statement that calls a SQL function with its arguments by name. */
export function callStatement({ name, args }: SqlCall): string {
  const named = Object.keys(args).map((key, index) => `${key} => $${index + 1}`).join(", ");
  return `select public.${name}(${named}) as result`;
}

/** What the driver binds to them, which makes JSON of every other list. */
export function callParameters({ args }: SqlCall): unknown[] {
  return Object.values(args).map((value) => value instanceof SqlArray ? arrayText(value) : value);
}

/** The same statement with its arguments in it, for where none can be bound. */
export function callText({ name, args }: SqlCall): string {
  const named = Object.entries(args).map(([key, value]) => `${key} => ${literal(value)}`).join(", ");
  return `select public.${name}(${named}) as result`;
}

/** A string literal whatever is in the text: dollar quotes with a tag that the text does not have. */
export function quote(text: string): string {
  let tag = "$openclaw$";
  while (text.includes(tag.slice(0, -1))) tag = `$openclaw_${crypto.randomUUID().slice(0, 8)}$`;
  return `${tag}${text}${tag}`;
}

function literal(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof SqlArray) return quote(arrayText(value));
  return quote(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/** As Postgres writes an array of any type. */
function arrayText(array: SqlArray<unknown>): string {
  // Not by `map`, which makes another array of its class, and costs a list of beats three times as much.
  const elements: string[] = [];
  for (const element of array) elements.push(elementText(element));
  return `{${elements.join(",")}}`;
}

function elementText(element: unknown): string {
  if (typeof element === "number" || typeof element === "boolean") return String(element);
  return element === null ? "null" : `"${escaped(String(element))}"`;
}

/** By `replaceAll`, which takes half as long as `replace`, and only where there is something to replace. */
function escaped(text: string): string {
  return /["\\]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll('"', '\\"') : text;
}
