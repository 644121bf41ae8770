import type { Backend } from "../_shared/backend.ts";
import { eventsReply, parseEventsQuery } from "../_shared/http/events.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { type Exchange, resource } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

export const endpoint = resource("events", { GET: listEvents });

/** Lists the events that an operator or reader may see, of agents that were deleted, too. */
export async function listEvents(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const query = parseEventsQuery(request);
  const listed = await deps.database.events.list(scopeOf(reader), { ...query, agentId: null });
  return eventsReply(listed ?? { rows: [], next: null }, deps.now());
}
