import { agents } from "./agents.ts";
import { heartbeats } from "./heartbeats.ts";
import { nothing } from "./readers.ts";
import { type Call, type Methods, methods, row } from "./row.ts";
import { sessions } from "./sessions.ts";

export type { Agent, NewAgent } from "./agents.ts";
export type { Beat, Verdict } from "./heartbeats.ts";
export type { Call, SqlCall } from "./row.ts";
export type { Client, OpenedSession } from "./sessions.ts";

/** The id of no agent. */
const nobody = "00000000-0000-0000-0000-000000000000";

const health = {
  /** Whether the database answers, and has our schema. */
  ping: row("read_session", {
    effect: "reads",
    args: () => ({ agent_id: nobody, epoch: 1 }),
    read: nothing,
  }),
};

const nouns = { agents, sessions, heartbeats, health };

/**
 * The calls that the handlers make. Each is one row of a noun: one SQL function in one round trip. The rules are in
 * SQL, so that every backend has the same. What keeps the database from answering is thrown as `unavailable`.
 */
export type Database = { [Noun in keyof typeof nouns]: Methods<(typeof nouns)[Noun]> };

/** The port over any way to call the SQL functions. */
export function databaseOver(call: Call): Database {
  const bound = Object.entries(nouns).map(([noun, rows]) => [noun, methods(rows, call)] as const);
  // What Object.fromEntries forgets: each noun has the methods of its own rows.
  return Object.fromEntries(bound) as Database;
}
