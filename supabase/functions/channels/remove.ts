import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { noSuchChannel, shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Deletes a channel, which is told nothing more, and answers what it was. */
export async function removeChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const removed = await deps.database.channels.remove(id, { ownerId: scopeOf(operator), act });
  if (removed === null) throw noSuchChannel();
  deps.log.line("info", "channel removed", {
    channel_id: id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return jsonReply(shownChannel(removed));
}
