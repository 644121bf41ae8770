import type { Backend } from "../_shared/backend.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Ends an agent's sessions and lets it open no other. Revoking it again changes nothing. */
export async function revokeAgent(request: Request, deps: Deps): Promise<Response> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const agent = await deps.database.agents.revoke(id, { ownerId: scopeOf(operator), act });
  if (agent !== null) {
    deps.log.line("info", "agent revoked", {
      agent_id: agent.id,
      actor: act.actor,
      request_id: deps.requestId,
    });
  }
  return agentReply(agent);
}
