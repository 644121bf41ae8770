import type { Act } from "./agents.ts";
import { type Listed, readListed } from "./lists.ts";
import { boolean, each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";
import type { PageByCreation } from "../http/pages.ts";

const columns = {
  id: text,
  owner_id: orNull(text),
  name: text,
  kind: text,
  settings: entries(text),
  labels: entries(text),
  kinds: each(text),
  after_seconds: number,
  remind_after_seconds: orNull(number),
  enabled: boolean,
  created_at: text,
};

/** A channel with all of its settings, which are not for every eye. */
export type Channel = ReadBy<typeof columns>;

const readChannel = fields(columns);

/** What an operator edits; a field that is not there stays as it is. The names are those of the columns. */
export interface ChannelChanges {
  name?: string;
  settings?: Readonly<Record<string, string>>;
  labels?: Record<string, string>;
  /** Null for all. */
  kinds?: string[] | null;
  after_seconds?: number;
  remind_after_seconds?: number | null;
  enabled?: boolean;
}

export interface NewChannel {
  channel: Required<ChannelChanges> & { kind: string };
  ownerId: string | null;
  /** How many channels the owner may have with this one; null for any number. */
  ownerLimit: number | null;
  act: Act;
}

/** Whose channel it has to be, where it is not anybody's, and whose act it is. */
interface Owned {
  ownerId: string | null;
  act: Act;
}

export const channels = {
  create: row("create_channel", {
    effect: "changes",
    args: ({ channel, ownerId, ownerLimit, act }: NewChannel) => ({
      channel: { ...channel },
      owner_id: ownerId,
      owner_limit: ownerLimit,
      act: { ...act },
    }),
    read: readCreated,
  }),
  find: row("find_channel", {
    effect: "reads",
    args: (channelId: string, ownerId: string | null) => ({ channel_id: channelId, owner_id: ownerId }),
    read: orNull(readChannel),
  }),
  /** A page of one owner's channels, the newest first; of anybody's, where the owner is null. */
  list: row("list_channels", {
    effect: "reads",
    args: (ownerId: string | null, { limit, after }: PageByCreation) => ({
      owner_id: ownerId,
      page_limit: limit,
      after,
    }),
    read: (reply): Listed<Channel> => readListed(reply, readChannel),
  }),
  edit: row("edit_channel", {
    effect: "changes",
    args: (channelId: string, { ownerId, act, changes }: Owned & { changes: ChannelChanges }) => ({
      channel_id: channelId,
      owner_id: ownerId,
      changes: { ...changes },
      act: { ...act },
    }),
    read: orNull(readChannel),
  }),
  /** What the channel was; null where there is none of this owner's. */
  remove: row("remove_channel", {
    effect: "changes",
    args: (channelId: string, { ownerId, act }: Owned) => ({
      channel_id: channelId,
      owner_id: ownerId,
      act: { ...act },
    }),
    read: orNull(readChannel),
  }),
};

function readCreated(reply: unknown): Channel | "owner_limit" | "owner_unknown" {
  const { refused, channel } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readChannel(channel);
}
