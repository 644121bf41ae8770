import type { Backend } from "../_shared/backend.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals"> & Exchange;

/** Shows one agent to an operator or reader who may see it. */
export async function showAgent(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identifyReader(request, deps);
  const id = parseUuid(deps.params.id, "id");
  return agentReply(await deps.database.agents.get(id, scopeOf(operator)));
}
