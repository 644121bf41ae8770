import type { Backend } from "../_shared/backend.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { eventsReply, parseEventsQuery } from "../_shared/http/events.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** Lists the events of one agent, also of one that was deleted. */
export async function listAgentEvents(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const agentId = parseUuid(deps.params.id, "id");
  const query = parseEventsQuery(request);
  const listed = await deps.database.events.list(scopeOf(reader), { ...query, agentId });
  if (listed === null) {
    throw new ContractError("not_found", "Cannot find the agent: no agent with this id is visible to you");
  }
  return eventsReply(listed, deps.now());
}
