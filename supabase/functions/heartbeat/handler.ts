import { bearerToken, type Session, verifySession } from "../_shared/auth.ts";
import type { Backend } from "../_shared/backend.ts";
import { readOptionalJson } from "../_shared/http/body.ts";
import type { Beat } from "../_shared/database/port.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  badField,
  type Fields,
  parseChoice,
  parseMetrics,
  parseText,
  parseTime,
  parseUuid,
  parseWholeNumber,
} from "../_shared/http/fields.ts";
import { resource } from "../_shared/http/routes.ts";
import { wholeNumberWithin } from "../_shared/random.ts";

type Deps = Pick<Backend, "database" | "keys" | "verifiedTokens" | "issuer" | "now" | "random"> & Exchange;

const statuses = ["healthy", "degraded", "unhealthy", "stopping"] as const;

export const endpoint = resource("heartbeat", {
  GET: showHeartbeat,
  POST: (request, deps) => heartbeat(request, deps),
});

/**
 * Records that the agent named by the session token is alive.
 *
 * @param options.read how the body is read, once the session was verified
 */
export async function heartbeat(
  request: Request,
  deps: Deps,
  { read = readOptionalJson }: { read?: (request: Request) => Promise<Fields> } = {},
): Promise<Response> {
  const session = await verifySession(bearerToken(request), { ...deps, now: deps.now() });
  const beat = parseBeat(await read(request), { session, now: deps.now() });
  const [recorded = null] = await deps.database.heartbeats.record([beat]);
  if (recorded === null) throw revoked();
  const { heartbeatIntervalSeconds: interval, directives } = recorded;
  return Response.json({
    ok: true,
    next_heartbeat_in: nextHeartbeatIn(interval, deps.random()),
    heartbeat_interval_seconds: interval,
    ...(directives === undefined ? {} : { directives }),
    server_time: deps.now().toISOString(),
  });
}

/** How the server sees the agent named by the session token. Records nothing. */
export async function showHeartbeat(request: Request, deps: Deps): Promise<Response> {
  const session = await verifySession(bearerToken(request), { ...deps, now: deps.now() });
  const agent = await deps.database.sessions.read(session.agentId, session.epoch);
  if (agent === null) throw revoked();
  const { id, name, liveness, last_seen_at, heartbeat_interval_seconds } = agent;
  return Response.json({
    agent: { id, name, liveness, last_seen_at, heartbeat_interval_seconds },
    server_time: deps.now().toISOString(),
  });
}

/** A whole number of seconds from 0.9 to 1.1 times the interval, so that agents drift apart. */
function nextHeartbeatIn(interval: number, random: number): number {
  return wholeNumberWithin({ from: 9 * interval / 10, to: 11 * interval / 10 }, random);
}

function revoked(): ContractError {
  return new ContractError(
    "session_revoked",
    "Cannot accept the session: it was ended, or its agent was revoked",
  );
}

function parseBeat(fields: Fields, { session, now }: { session: Readonly<Session>; now: Date }): Beat {
  const { status = "healthy", message, metrics = {}, seq, instance_id, sent_at, agent_id } = fields;
  if (agent_id !== undefined && parseUuid(agent_id, "agent_id") !== session.agentId) {
    throw badField("agent_id", "is not the agent of the session");
  }
  return {
    ...session,
    status: parseChoice(status, "status", statuses),
    message: message === undefined ? null : parseText(message, "message", { longest: 500, newlines: true }),
    metrics: parseMetrics(metrics),
    instanceId: instance_id === undefined ? null : parseUuid(instance_id, "instance_id"),
    seq: seq === undefined ? null : parseWholeNumber(seq, "seq", { from: 0, to: Number.MAX_SAFE_INTEGER }),
    clockOffsetSeconds: sent_at === undefined ? null : secondsAhead(parseTime(sent_at, "sent_at"), now),
  };
}

/** What a column for 68 years holds: a clock that is off by more than that is off. */
function secondsAhead(time: Date, now: Date): number {
  const most = 2 ** 31 - 1;
  return Math.min(most, Math.max(-most, Math.round((time.getTime() - now.getTime()) / 1000)));
}
