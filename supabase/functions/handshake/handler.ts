import { issueSession } from "../_shared/auth.ts";
import type { Backend } from "../_shared/backend.ts";
import { readJson } from "../_shared/http/body.ts";
import { parseClient } from "../_shared/client.ts";
import type { Client } from "../_shared/database/port.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { badField, type Fields, parseUuid } from "../_shared/http/fields.ts";
import { resource } from "../_shared/http/routes.ts";
import { wholeNumberWithin } from "../_shared/random.ts";
import { digestSecret, secretFault } from "../_shared/secret.ts";

type Deps =
  & Pick<Backend, "database" | "keys" | "issuer" | "sessionLifetimeSeconds" | "refusals" | "now" | "random">
  & Exchange;

interface Credentials {
  agentId: string;
  secret: string;
  client: Client;
}

export const endpoint = resource("handshake", { POST: (request, deps) => handshake(request, deps) });

/**
 * Exchanges an agent's id and secret for a session token.
 *
 * An unknown id, a wrong secret, an agent without a secret and a revoked one are refused alike: by the same
 * one call of the database, which wrote nothing. What the refusal leaves on the row comes after the reply.
 *
 * @param options.read how the body is read
 */
export async function handshake(
  request: Request,
  deps: Deps,
  { read = readJson }: { read?: (request: Request) => Promise<Fields> } = {},
): Promise<Response> {
  const { agentId, secret, client } = await parseCredentials(await read(request));
  const opened = await deps.database.sessions.open(agentId, {
    secretDigest: await digestSecret(secret),
    client,
  });
  if (opened === null) {
    deps.refusals.count(deps.address);
    deps.afterReply(() => deps.database.sessions.recordRefusal(agentId));
    throw new ContractError(
      "invalid_credentials",
      "Cannot open a session: this id and secret belong to no active agent",
    );
  }
  const now = deps.now();
  const lifetimeSeconds = deps.sessionLifetimeSeconds;
  const { id, name, epoch } = opened;
  return Response.json({
    token: await issueSession(deps.keys, { agentId: id, epoch, issuer: deps.issuer, lifetimeSeconds, now }),
    token_type: "Bearer",
    expires_in: lifetimeSeconds,
    refresh_in: refreshIn(lifetimeSeconds, deps.random()),
    heartbeat_interval_seconds: opened.heartbeatIntervalSeconds,
    next_heartbeat_in: 0,
    agent: { id, name },
    server_time: now.toISOString(),
  });
}

/** From 70 to 90 % of the lifetime, so that a fleet that started together does not return together. */
function refreshIn(lifetimeSeconds: number, random: number): number {
  return wholeNumberWithin({ from: 7 * lifetimeSeconds / 10, to: 9 * lifetimeSeconds / 10 }, random);
}

async function parseCredentials(
  { agent_id, agent_secret, client, instance_id }: Fields,
): Promise<Credentials> {
  const agentId = parseUuid(agent_id, "agent_id");
  if (typeof agent_secret !== "string") {
    throw badField("agent_secret", agent_secret === undefined ? "is missing" : "is not a string");
  }
  const fault = await secretFault(agent_secret);
  if (fault !== null) throw badField("agent_secret", fault);
  if (instance_id !== undefined) parseUuid(instance_id, "instance_id");
  return { agentId, secret: agent_secret, client: client === undefined ? {} : parseClient(client) };
}
