import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { foundIncident } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals"> & Exchange;

/** Shows one incident. */
export async function showIncident(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const id = parseUuid(deps.params.id, "id");
  return jsonReply(foundIncident(await deps.database.incidents.get(id, scopeOf(reader))));
}
