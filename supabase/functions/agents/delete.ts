import type { Backend } from "../_shared/backend.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { badField, parseText, parseUuid } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";
import { logAct } from "./act.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Deletes the agent, if it has the name that the query says, and answers what it was. Its events stay. */
export async function deleteAgent(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const name = request.query.get("name");
  if (name === null) throw badField("name", "is missing, expected the agent's name in the query");
  const act = actOf(operator, deps.address);
  const deleted = await deps.database.agents.delete(id, {
    ownerId: scopeOf(operator),
    act,
    name: parseText(name, "name", { shortest: 1, longest: 100 }),
  });
  if (deleted === "other_name") {
    throw new ContractError(
      "conflict",
      "Cannot delete the agent: it has another name than the one in the query",
    );
  }
  if (deleted !== null) logAct(deps, { event: "agent deleted", agent: deleted, act });
  return agentReply(deleted);
}
