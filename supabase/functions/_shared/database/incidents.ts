import type { PageByCreation } from "../http/pages.ts";
import type { Act } from "./agents.ts";
import { type Listed, readListed } from "./lists.ts";
import { boolean, each, entries, fields, number, orNull, type ReadBy, text } from "./readers.ts";
import { row } from "./row.ts";

const columns = {
  id: text,
  owner_id: orNull(text),
  kind: text,
  opened_at: text,
  closed_at: orNull(text),
  agents_count: number,
  agents: each(fields({ id: text, name: text })),
  labels: entries(text),
  reason: orNull(text),
  changes_count: number,
  acknowledged_at: orNull(text),
  acknowledged_by: orNull(text),
  deliveries: each(fields({
    id: text,
    channel_id: text,
    channel_name: text,
    type: text,
    state: text,
    attempts: number,
    next_attempt_at: orNull(text),
    last_answer: orNull(text),
    created_at: text,
    delivered_at: orNull(text),
  })),
};

const changes = {
  gap: orNull(fields({ from: text, to: text, seconds: number, clock_set_back: boolean })),
  agents: orNull(each(fields({ kind: text, count: number, agents: each(text) }))),
  incidents: orNull(
    each(fields({ id: text, owner_id: orNull(text), kind: text, agents_count: number, change: text })),
  ),
};

/** The contract's incident: what was wrong with agents of one owner at one time. */
export type Incident = ReadBy<typeof columns>;

/** What a tick has found changed; each is null where nothing was. */
export type TickChanges = ReadBy<typeof changes>;

export const readIncident = fields(columns);

export const incidents = {
  /** A page of one owner's incidents, the last opened first; of anybody's, where the owner is null. */
  list: row("list_incidents", {
    effect: "reads",
    args: (
      ownerId: string | null,
      { state, page }: { state: "open" | "closed" | null; page: PageByCreation },
    ) => ({ owner_id: ownerId, state, page_limit: page.limit, after: page.after }),
    read: (reply): Listed<Incident> => readListed(reply, readIncident),
  }),
  /** An incident of one owner; of anybody, where the owner is null. */
  get: row("get_incident", {
    effect: "reads",
    args: (incidentId: string, ownerId: string | null) => ({ incident_id: incidentId, owner_id: ownerId }),
    read: orNull(readIncident),
  }),
  acknowledge: row("acknowledge_incident", {
    effect: "changes",
    args: (incidentId: string, { ownerId, act }: { ownerId: string | null; act: Act }) => ({
      incident_id: incidentId,
      owner_id: ownerId,
      act: { ...act },
    }),
    read: orNull(readIncident),
  }),
  /**
   * Notes that the server is there and means to come again after so many seconds, and all that has changed since the last
   * time; null where nothing has.
   */
  tick: row("tick", {
    effect: "changes",
    args: (everySeconds: number) => ({ every_seconds: everySeconds }),
    read: orNull(fields(changes)),
  }),
};
