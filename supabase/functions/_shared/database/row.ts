import type { Database as Schema } from "./database.types.ts";

type Functions = Schema["public"]["Functions"];

/** The arguments of a SQL function by name. Postgres does not tell which of them may be null, so each may. */
type Arguments<Name extends keyof Functions> = {
  [Key in keyof Functions[Name]["Args"]]: OrNull<Functions[Name]["Args"][Key]>;
};

type OrNull<Value> = Value extends (infer Element)[] ? SqlArray<Element | null> : Value | null;

/** An argument that is an array in SQL, where every other list is JSON. */
export class SqlArray<Element> extends Array<Element> {
  /** An element for each item. `from` goes through an iterator, and costs a list of beats several times as much. */
  static column<Item, Element>(items: readonly Item[], read: (item: Item) => Element): SqlArray<Element> {
    const column = new SqlArray<Element>();
    for (const item of items) column.push(read(item));
    return column;
  }
}

/** What a call does: nothing, it renews what every heartbeat renews, it makes an agent, or it changes anything else. */
type Effect = "reads" | "beats" | "creates" | "changes";

/** One call of one SQL function. */
export interface SqlCall {
  name: keyof Functions;
  args: Readonly<Record<string, unknown>>;
  effect: Effect;
}

/** Makes a call and returns the function's result. Each adapter is such a function. */
export type Call = (call: SqlCall) => Promise<unknown>;

/** A row of the port: the SQL function's name, its arguments, and the reader of its reply. */
export interface Row<Given extends unknown[], Result> {
  call: (...given: Given) => SqlCall;
  read: (reply: unknown, ...given: Given) => Result;
}

/** The rows of one noun, as methods. */
export type Methods<Rows> = {
  [Name in keyof Rows]: Rows[Name] extends Row<infer Given, infer Result>
    ? (...given: Given) => Promise<Result>
    : never;
};

/** A row; its name and its arguments are checked against the schema's generated types. */
export function row<Name extends keyof Functions, Given extends unknown[], Result>(
  name: Name,
  { effect, args, read }: {
    effect: Effect;
    args: (...given: Given) => Arguments<Name>;
    read: (reply: unknown, ...given: Given) => Result;
  },
): Row<Given, Result> {
  return { call: (...given) => ({ name, effect, args: { ...args(...given) } }), read };
}

/** The rows of one noun over a way to call SQL functions. */
export function methods<Rows extends Record<string, Row<never, unknown>>>(
  rows: Rows,
  call: Call,
): Methods<Rows> {
  const bound = Object.entries(rows).map(([name, { call: toCall, read }]) =>
    [name, async (...given: never) => read(await call(toCall(...given)), ...given)] as const
  );
  // What Object.fromEntries forgets: each name has the method of its own row.
  return Object.fromEntries(bound) as Methods<Rows>;
}
