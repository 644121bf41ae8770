import type { Backend } from "../_shared/backend.ts";
import type { Agent } from "../_shared/database/port.ts";
import { readJson } from "../_shared/http/body.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "agentLimitPerOwner" | "log"> & Exchange;

/** Gives a copy an identity of its own, which it gets with its next handshake. Its beats ask for that one. */
export async function adoptCopy(request: Incoming, deps: Deps): Promise<Reply> {
  const { operator, id, instanceId } = await parseAct(request, deps);
  const act = actOf(operator, deps.address);
  const ownerLimit = operator.kind === "user" ? deps.agentLimitPerOwner : null;
  const by = { instanceId, ownerId: scopeOf(operator), act };
  const agent = await deps.database.copies.adopt(id, { ...by, ownerLimit });
  if (agent === "unknown_copy") throw unknownCopy();
  if (agent === "unsupported") {
    throw new ContractError("conflict", "Cannot adopt the copy: its program cannot take another identity");
  }
  if (agent === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot adopt the copy: an owner has at most ${deps.agentLimitPerOwner} agents, delete one`,
    );
  }
  return actReply(agent, "copy adopted", { ...deps, actor: act.actor });
}

/** Refuses a copy's beats and handshakes from now on, and asks the other one to rotate. The second time changes nothing. */
export async function revokeCopy(request: Incoming, deps: Deps): Promise<Reply> {
  const { operator, id, instanceId } = await parseAct(request, deps);
  const act = actOf(operator, deps.address);
  const agent = await deps.database.copies.revoke(id, { instanceId, ownerId: scopeOf(operator), act });
  if (agent === "unknown_copy") throw unknownCopy();
  return actReply(agent, "copy revoked", { ...deps, actor: act.actor });
}

async function parseAct(request: Incoming, deps: Deps) {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const { instance_id } = await readJson(request);
  return { operator, id, instanceId: parseUuid(instance_id, "instance_id") };
}

function unknownCopy(): ContractError {
  return new ContractError(
    "not_found",
    "Cannot find the copy: the agent has no copy with this instance_id",
  );
}

function actReply(
  agent: Agent | null,
  event: string,
  { log, actor, requestId }: Pick<Deps, "log" | "requestId"> & { actor: string },
): Reply {
  if (agent !== null) log.line("info", event, { agent_id: agent.id, actor, request_id: requestId });
  return agentReply(agent);
}
