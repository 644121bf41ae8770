import { issueSession } from "../_shared/auth.ts";
import type { Backend } from "../_shared/backend.ts";
import { parseCredentials, refuseCredentials } from "../_shared/credentials.ts";
import { readJson } from "../_shared/http/body.ts";
import type { Credentials } from "../_shared/database/port.ts";
import { parseClient } from "../_shared/client.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import type { Fields } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";
import { wholeNumberWithin } from "../_shared/random.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";
import { timeText } from "../_shared/values.ts";

type Deps =
  & Pick<
    Backend,
    | "database"
    | "keys"
    | "issuer"
    | "sessionLifetimeSeconds"
    | "refusals"
    | "refusedAgents"
    | "now"
    | "random"
    | "randomBytes"
  >
  & Exchange;

export const endpoint = resource("handshake", { POST: (request, deps) => handshake(request, deps) });

/**
 * Exchanges an agent's id and secret for a session token.
 *
 * An unknown id, a wrong secret, an agent without a secret, a revoked one and a revoked copy are refused alike: by the
 * same one call of the database, which wrote nothing. What the refusal leaves on the row comes after the reply.
 *
 * @param options.read how the body is read
 */
export async function handshake(
  request: Incoming,
  deps: Deps,
  { read = readJson }: { read?: (request: Incoming) => Promise<Fields> } = {},
): Promise<Reply> {
  const fields = await read(request);
  const credentials = parseCredentials(fields);
  const client = fields.client === undefined ? {} : parseClient(fields.client);
  const opened = await deps.database.sessions.open(credentials, { client, address: deps.address || null });
  if (opened === null) throw refuseCredentials(credentials, deps);
  if (opened.adopted) deps.afterReply(() => deps.database.copies.confirm(opened.id));
  const identity = opened.adopting ? await identify(credentials, deps) : null;
  const now = deps.now();
  const lifetimeSeconds = deps.sessionLifetimeSeconds;
  const { id, name, epoch } = opened;
  return jsonReply({
    token: issueSession(deps.keys, { agentId: id, epoch, issuer: deps.issuer, lifetimeSeconds, now }),
    token_type: "Bearer",
    expires_in: lifetimeSeconds,
    refresh_in: refreshIn(lifetimeSeconds, deps.random()),
    heartbeat_interval_seconds: opened.heartbeatIntervalSeconds,
    next_heartbeat_in: 0,
    agent: { id, name },
    secret_age_seconds: opened.secretAgeSeconds,
    ...(identity === null ? {} : { identity }),
    server_time: timeText(now),
  });
}

/** The identity of its own that an adopted copy gets, with a fresh secret each time; null when there is none any more. */
async function identify({ agentId, instanceId }: Credentials, { database, randomBytes }: Deps) {
  const secret = makeSecret(randomBytes(32));
  const id = await database.copies.identify(agentId, instanceId, digestSecret(secret));
  return id === null ? null : { agent_id: id, agent_secret: secret };
}

/** From 70 to 90 % of the lifetime, so that a fleet that started together does not return together. */
function refreshIn(lifetimeSeconds: number, random: number): number {
  return wholeNumberWithin({ from: 7 * lifetimeSeconds / 10, to: 9 * lifetimeSeconds / 10 }, random);
}
