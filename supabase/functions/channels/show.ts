import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { noSuchChannel, shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals"> & Exchange;

/** Answers one channel, without what is secret of its settings. */
export async function showChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const channel = await deps.database.channels.find(id, scopeOf(reader));
  if (channel === null) throw noSuchChannel();
  return jsonReply(shownChannel(channel));
}
