import { bearerToken, type Session, verifySession } from "../_shared/auth.ts";
import type { Backend } from "../_shared/backend.ts";
import { readOptionalJson } from "../_shared/http/body.ts";
import type { Beat, Work } from "../_shared/database/port.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  badField,
  type Fields,
  parseBoolean,
  parseChoice,
  parseFields,
  parseMetrics,
  parseText,
  parseTime,
  parseUuid,
  parseWholeNumber,
} from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";
import { wholeNumberWithin } from "../_shared/random.ts";
import { timeText } from "../_shared/values.ts";

type Deps =
  & Pick<Backend, "database" | "keys" | "verifiedTokens" | "issuer" | "now" | "random" | "historyDays">
  & Exchange;

/** The part of the beats after which the history is kept: where nothing is scheduled, nothing else would. */
const keepingShare = 1 / 1000;

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
  request: Incoming,
  deps: Deps,
  { read = readOptionalJson }: { read?: (request: Incoming) => Promise<Fields> } = {},
): Promise<Reply> {
  const session = sessionOf(request, deps);
  const beat = parseBeat(await read(request), { session, now: deps.now });
  const [recorded = null] = await deps.database.heartbeats.record([beat]);
  if (recorded === null) throw revoked();
  keepHistory(deps);
  const { heartbeatIntervalSeconds: interval, directives } = recorded;
  return jsonReply({
    ok: true,
    next_heartbeat_in: nextHeartbeatIn(interval, deps.random()),
    heartbeat_interval_seconds: interval,
    directives,
    server_time: timeText(deps.now()),
  });
}

function keepHistory({ database, historyDays, random, afterReply }: Deps): void {
  if (random() >= keepingShare) return;
  afterReply(async () => void await database.history.keep(historyDays));
}

/** How the server sees the agent named by the session token. Records nothing. */
export async function showHeartbeat(request: Incoming, deps: Deps): Promise<Reply> {
  const session = sessionOf(request, deps);
  const agent = await deps.database.sessions.read(session.agentId, session.epoch);
  if (agent === null) throw revoked();
  const { id, name, liveness, last_seen_at, heartbeat_interval_seconds } = agent;
  return jsonReply({
    agent: { id, name, liveness, last_seen_at, heartbeat_interval_seconds },
    server_time: timeText(deps.now()),
  });
}

/** The session that a request proves. */
function sessionOf(
  request: Incoming,
  { keys, issuer, verifiedTokens, now }: Deps,
): Readonly<Session> {
  return verifySession(bearerToken(request), { keys, issuer, verifiedTokens, now: now() });
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

function parseBeat(fields: Fields, { session, now }: { session: Readonly<Session>; now: () => Date }): Beat {
  const {
    status = "healthy",
    message,
    metrics = {},
    seq,
    instance_id,
    sent_at,
    agent_id,
    work,
    back_in_seconds,
  } = fields;
  if (agent_id !== undefined && parseUuid(agent_id, "agent_id") !== session.agentId) {
    throw badField("agent_id", "is not the agent of the session");
  }
  return {
    agentId: session.agentId,
    epoch: session.epoch,
    status: parseChoice(status, "status", statuses),
    message: message === undefined ? null : parseText(message, "message", { longest: 500, newlines: true }),
    metrics: parseMetrics(metrics),
    instanceId: instance_id === undefined ? null : parseUuid(instance_id, "instance_id"),
    seq: seq === undefined ? null : parseWholeNumber(seq, "seq", { from: 0, to: Number.MAX_SAFE_INTEGER }),
    clockOffsetSeconds: sent_at === undefined ? null : secondsAhead(parseTime(sent_at, "sent_at"), now()),
    work: work === undefined ? null : parseWork(parseFields(work, "work")),
    backInSeconds: back_in_seconds === undefined
      ? null
      : parseWholeNumber(back_in_seconds, "back_in_seconds", { from: 1, to: 604_800 }),
  };
}

function parseWork({ busy = true, progress }: Fields): Work {
  return {
    busy: parseBoolean(busy, "work.busy"),
    progress: progress === undefined ? null : parseWholeNumber(progress, "work.progress", {
      from: Number.MIN_SAFE_INTEGER,
      to: Number.MAX_SAFE_INTEGER,
    }),
  };
}

/** What a column for 68 years holds: a clock that is off by more than that is off. */
function secondsAhead(time: Date, now: Date): number {
  const most = 2 ** 31 - 1;
  return Math.min(most, Math.max(-most, Math.round((time.getTime() - now.getTime()) / 1000)));
}
