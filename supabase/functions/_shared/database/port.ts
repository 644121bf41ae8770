import { agents } from "./agents.ts";
import { channels } from "./channels.ts";
import { copies } from "./copies.ts";
import { deliveries } from "./deliveries.ts";
import { enrollments } from "./enrollments.ts";
import { events } from "./events.ts";
import { fleet } from "./fleet.ts";
import { heartbeats } from "./heartbeats.ts";
import { history } from "./history.ts";
import { incidents } from "./incidents.ts";
import { readerKeys } from "./reader_keys.ts";
import { each, fields, number, orNull, text } from "./readers.ts";
import { type Call, type Methods, methods, row } from "./row.ts";
import { watchRoom } from "./room.ts";
import { secrets } from "./secrets.ts";
import { sessions } from "./sessions.ts";

export type {
  Act,
  Agent,
  AgentChanges,
  AgentsAfter,
  AgentsFilter,
  AgentsMap,
  FollowedMap,
  MapChanges,
  MapMoment,
  NewAgent,
} from "./agents.ts";
export type { Channel, ChannelChanges, NewChannel } from "./channels.ts";
export type { Attempt, ClaimedDelivery } from "./deliveries.ts";
export { livenessWords } from "./agents.ts";
export { type Event, eventKinds, type EventsQuery } from "./events.ts";
export type {
  Enrolled,
  Enrolling,
  Enrollment,
  EnrollmentHost,
  NewEnrollment,
  Progress,
} from "./enrollments.ts";
export type { FleetNumbers } from "./fleet.ts";
export type { Beat, Verdict, Work } from "./heartbeats.ts";
export type { Bucket, Gap, HistoryQuery } from "./history.ts";
export type { Incident, TickChanges } from "./incidents.ts";
export type { Listed } from "./lists.ts";
export type { NewReaderKey, ReaderKey } from "./reader_keys.ts";
export { type Call, SqlArray, type SqlCall } from "./row.ts";
export type { Client, Credentials, Handshake, OpenedSession, RefusedAgent } from "./sessions.ts";

const health = {
  /**
   * Whether the database answers, has our schema, and takes writes. `tick`: the seconds since the last one; null where
   * nothing calls it.
   */
  ping: row("check_health", { effect: "reads", args: () => ({}), read: fields({ tick: orNull(number) }) }),
  /** Corrects what a clock that was ahead has left; the ids of the agents that it was about. */
  upkeep: row("upkeep", {
    effect: "beats",
    args: () => ({}),
    read: (reply) => orNull(each(text))(reply) ?? [],
  }),
};

const nouns = {
  agents,
  secrets,
  copies,
  sessions,
  heartbeats,
  enrollments,
  readerKeys,
  channels,
  deliveries,
  events,
  fleet,
  history,
  incidents,
  health,
};

/**
 * The calls that the handlers make. Each is one row of a noun: one SQL function in one round trip. The rules are in
 * SQL, so that every backend has the same. What keeps the database from answering is thrown as `unavailable`.
 */
export type Database = { [Noun in keyof typeof nouns]: Methods<(typeof nouns)[Noun]> };

/** The port over any way to call the SQL functions. */
export function databaseOver(make: Call): Database {
  const call = watchRoom(make);
  const bound = Object.entries(nouns).map(([noun, rows]) => [noun, methods(rows, call)] as const);
  // What Object.fromEntries forgets: each noun has the methods of its own rows.
  return Object.fromEntries(bound) as Database;
}
