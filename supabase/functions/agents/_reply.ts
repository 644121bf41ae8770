import type { Agent } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";

/** The agent, or `not_found`: an operator cannot tell another owner's agent from one that does not exist. */
export function agentReply(agent: Agent | null): Response {
  if (agent === null) {
    throw new ContractError("not_found", "Cannot find the agent: no agent with this id is visible to you");
  }
  return Response.json(agent);
}
