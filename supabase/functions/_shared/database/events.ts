import { type Listed, readListed } from "./lists.ts";
import { fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";

/** Every kind of event there will be. */
export const eventKinds: readonly string[] = [
  ...["reader_key_created", "reader_key_revoked", "enrollment_created", "enrollment_revoked"],
  ...["channel_created", "channel_edited", "channel_removed", "incident_acknowledged", "created", "enrolled"],
  ...["first_handshake", "edited", "revoked", "restored", "sessions_ended", "secret_rotated"],
  ...["rotation_requested", "copy_seen", "adopted", "copy_revoked", "muted", "deleted"],
  ...["late", "offline", "stalled", "unhealthy", "recovered"],
];

const columns = {
  id: number,
  agent_id: orNull(text),
  agent_name: orNull(text),
  kind: text,
  at: text,
  actor: text,
  address: orNull(text),
  detail: record,
};

/** What happened, when, and who did it from where. */
export type Event = ReadBy<typeof columns>;

const readEvent = fields(columns);

/** Which events are asked for: of these kinds (null: of all), and which page of them. */
export interface EventsQuery {
  kinds: string[] | null;
  page: { limit: number; after: { id: number } | null };
}

export const events = {
  /**
   * A page of one owner's events, the newest first; of anybody's, where the owner is null. Null where an agent is
   * asked for of whom the owner may see neither the row nor an event.
   */
  list: row("list_events", {
    effect: "reads",
    args: (ownerId: string | null, { agentId, kinds, page }: EventsQuery & { agentId: string | null }) => ({
      agent_id: agentId,
      owner_id: ownerId,
      kinds,
      page_limit: page.limit,
      after: page.after,
    }),
    read: (reply): Listed<Event> | null => reply === null ? null : readListed(reply, readEvent),
  }),
};
