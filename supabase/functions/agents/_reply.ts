import type { Agent } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { jsonReply, type Reply } from "../_shared/http/messages.ts";

/** The agent, or `not_found`: an operator cannot tell another owner's agent from one that does not exist. */
export function agentReply(agent: Agent | null): Reply {
  if (agent === null) {
    throw new ContractError("not_found", "Cannot find the agent: no agent with this id is visible to you");
  }
  return jsonReply(agent);
}
