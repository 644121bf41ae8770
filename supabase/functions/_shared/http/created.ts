import { jsonReply, type Reply } from "./messages.ts";

/** The reply to an act that created something. It ends with a line feed: people read it from curl. */
export function createdReply(value: unknown): Reply {
  const reply = jsonReply(value, { status: 201 });
  return { ...reply, body: `${reply.body}\n` };
}
