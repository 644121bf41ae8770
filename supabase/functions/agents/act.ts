import type { Backend } from "../_shared/backend.ts";
import type { Act, Agent } from "../_shared/database/port.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import type { Incoming } from "../_shared/http/messages.ts";
import type { Exchange, Handler } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** The acts that take an agent and nothing else, and what the log calls each. */
const events = {
  revoke: "agent revoked",
  restore: "agent restored",
  endSessions: "agent's sessions ended",
} as const;

/** The handler of an act on one agent, which answers the agent after it. The same act a second time is fine. */
export function act(name: keyof typeof events): Handler {
  return async (request: Incoming, deps: Deps) => {
    const operator = await deps.operators.identify(request, deps);
    const id = parseUuid(deps.params.id, "id");
    const by = actOf(operator, deps.address);
    const agent = await deps.database.agents[name](id, { ownerId: scopeOf(operator), act: by });
    if (agent !== null) logAct(deps, { event: events[name], agent, act: by });
    return agentReply(agent);
  };
}

/** An operator's act is one line in the log: which agent, and who did it. */
export function logAct(
  { log, requestId }: Pick<Deps, "log" | "requestId">,
  { event, agent, act }: { event: string; agent: Agent; act: Act },
): void {
  log.line("info", event, { agent_id: agent.id, actor: act.actor, request_id: requestId });
}
