import type { Backend } from "./backend.ts";
import type { Credentials } from "./database/port.ts";
import { ContractError } from "./http/errors.ts";
import { badField, type Fields, parseUuid } from "./http/fields.ts";
import type { Exchange } from "./http/routes.ts";
import { digestSecret, secretFault } from "./secret.ts";

/** Reads an agent's id and secret. A secret that is not well-formed is refused whatever the id, without the database. */
export function parseCredentials({ agent_id, agent_secret, instance_id }: Fields): Credentials {
  const agentId = parseUuid(agent_id, "agent_id");
  if (typeof agent_secret !== "string") {
    throw badField("agent_secret", agent_secret === undefined ? "is missing" : "is not a string");
  }
  const fault = secretFault(agent_secret);
  if (fault !== null) throw badField("agent_secret", fault);
  return {
    agentId,
    secretDigest: digestSecret(agent_secret),
    instanceId: instance_id === undefined ? null : parseUuid(instance_id, "instance_id"),
  };
}

/**
 * The one refusal of credentials, the same for every reason. What it leaves on the agent's row is written after the
 * reply.
 *
 * @throws {ContractError} `rate_limited` when too many from this address were refused; then it is not counted
 */
export function refuseCredentials(
  credentials: Credentials,
  { refusals, refusedAgents, address, afterReply }: Pick<Backend, "refusals" | "refusedAgents"> & Exchange,
): ContractError {
  refusals.count(address);
  if (refusedAgents.note(credentials)) afterReply(() => refusedAgents.write());
  return new ContractError(
    "invalid_credentials",
    "Cannot accept the credentials: this id and secret belong to no active agent",
  );
}
