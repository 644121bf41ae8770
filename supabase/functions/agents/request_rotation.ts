import type { Backend } from "../_shared/backend.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";

const reasons = {
  unsupported: "its program does not rotate by itself, rotate its secret here",
  previous_secret: "it still has the secret from before the last rotation, bring it the new one",
};

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Asks an agent to rotate its secret by itself: its beats are answered with `rotate` until it has. */
export async function requestRotation(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const agent = await deps.database.secrets.request(id, { ownerId: scopeOf(operator), act });
  if (agent === "unsupported" || agent === "previous_secret") {
    throw new ContractError("conflict", `Cannot ask the agent to rotate: ${reasons[agent]}`);
  }
  if (agent !== null) {
    deps.log.line("info", "rotation requested", {
      agent_id: agent.id,
      actor: act.actor,
      request_id: deps.requestId,
    });
  }
  return agentReply(agent);
}
