import type { Backend } from "../_shared/backend.ts";
import type { Agent } from "../_shared/database/port.ts";
import type { Endpoint, Exchange, Handler } from "../_shared/http/endpoint.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { actorOf, scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

export const endpoint: Endpoint = {
  name: "agents",
  methods(rest) {
    const [, id, act, ...more] = rest.split("/");
    if (id === undefined || id === "" || more.length > 0) return null;
    if (act === undefined) return { GET: bind(showAgent, id) };
    return act === "revoke" ? { POST: bind(revokeAgent, id) } : null;
  },
};

/** Shows one agent to an operator who may see it. */
export async function showAgent(request: Request, deps: Deps, id: string): Promise<Response> {
  const operator = await deps.operators.identify(request, deps);
  return reply(await deps.database.agents.get(parseUuid(id, "id"), scopeOf(operator)));
}

/** Ends an agent and its sessions for good. Revoking twice is fine. */
export async function revokeAgent(request: Request, deps: Deps, id: string): Promise<Response> {
  const operator = await deps.operators.identify(request, deps);
  const actor = actorOf(operator);
  const agent = await deps.database.agents.revoke(parseUuid(id, "id"), { ownerId: scopeOf(operator), actor });
  if (agent !== null) {
    deps.log.line("info", "agent revoked", { agent_id: agent.id, actor, request_id: deps.requestId });
  }
  return reply(agent);
}

function reply(agent: Agent | null): Response {
  if (agent === null) {
    throw new ContractError("not_found", "Cannot find the agent: there is none of yours with this id");
  }
  return Response.json(agent);
}

function bind(
  handler: (request: Request, deps: Deps, id: string) => Promise<Response>,
  id: string,
): Handler<Backend> {
  return (request, deps) => handler(request, deps, id);
}
