import {
  boolean,
  content,
  each,
  entries,
  fields,
  number,
  optional,
  orNull,
  type ReadBy,
  text,
} from "../readers.ts";
import type { Outcome } from "../transport.ts";
import { ask, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

const channelFields = {
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
  created_at: orNull(text),
};
const readChannel = fields(channelFields);

/** Where somebody is told of incidents. Of its settings it has only what is not secret. */
export type Channel = ReadBy<typeof channelFields>;

/** What of a channel can be edited; its settings as a whole. */
export interface ChannelChanges {
  name?: string;
  settings?: Record<string, string>;
  labels?: Record<string, string>;
  kinds?: string[];
  after_seconds?: number;
  remind_after_seconds?: number | null;
  enabled?: boolean;
}

/** Makes a channel. A webhook's secret that the service made is in the reply, and never shown again. */
export function createChannel(
  operator: OperatorConnection,
  channel: ChannelChanges & { name: string; kind: string; settings: Record<string, string> },
): Promise<Outcome<{ channel: Channel; signing_secret: string | null }>> {
  const read = fields({ channel: readChannel, signing_secret: optional(orNull(content), null) });
  return ask(operator, "channels", read, { method: "POST", body: JSON.stringify(channel) });
}

const readChannelsPage = fields({
  channels: each(readChannel),
  next_cursor: orNull(text),
  server_time: text,
});

export function listChannels(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"channels", Channel>>> {
  return ask(operator, `channels${question(pageQuery(page))}`, readChannelsPage, {});
}

export function patchChannel(
  operator: OperatorConnection,
  id: string,
  changes: ChannelChanges,
): Promise<Outcome<Channel>> {
  return ask(operator, channelPath(id), readChannel, { method: "PATCH", body: JSON.stringify(changes) });
}

export function removeChannel(operator: OperatorConnection, id: string): Promise<Outcome<Channel>> {
  return ask(operator, channelPath(id), readChannel, { method: "DELETE" });
}

/** Sends a test, which may take as long as its receiver does. */
export function testChannel(
  operator: OperatorConnection,
  id: string,
): Promise<Outcome<{ delivered: boolean; answer: string }>> {
  const read = fields({ delivered: boolean, answer: text });
  return ask(operator, `${channelPath(id)}/test`, read, { method: "POST", body: "{}", timeoutMs: 40_000 });
}

function channelPath(id: string): string {
  return `channels/${encodeURIComponent(id)}`;
}
