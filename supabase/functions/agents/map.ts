import type { Backend } from "../_shared/backend.ts";
import type { MapMoment } from "../_shared/database/port.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { badField, parseChoice } from "../_shared/http/fields.ts";
import { badCursor, type Cursor, formatCursor, parseCursor } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { parseFilter, parseLabelKey } from "./_filter.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** What the digits of `cells` stand for: the ranks of the order by trouble. */
export const mapWords = [
  "offline",
  "stalled",
  "unhealthy",
  "copy",
  "late",
  "degraded",
  "pending",
  "online",
  "stopped",
  "revoked",
];
const marksEvery = 1000;

/** Shows all agents that an operator or reader may see at once, each as one character. */
export async function mapAgents(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const { query } = request;
  const filter = parseFilter(query);
  const group = query.get("group");
  const groupKey = group === null ? null : parseLabelKey(group, "group");
  const asked = { filter, groupKey, marksEvery };
  const isFollowed = parseChoice(query.get("follow") ?? "false", "follow", ["true", "false"]) === "true";
  const { agents } = deps.database;
  const { marks, ...map } = isFollowed
    ? withCursor(await agents.follow(scopeOf(reader), asked))
    : await agents.map(scopeOf(reader), asked);
  return jsonReply({
    words: mapWords,
    ...map,
    marks: marks.map(formatCursor),
    marks_every: marksEvery,
    server_time: deps.now().toISOString(),
  });
}

/** Shows which agents may have changed since the map, or since the changes before these. */
export async function mapChanges(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const filter = parseFilter(request.query);
  if (filter.liveness !== null) {
    throw badField("liveness", "cannot be followed: expected a map without it");
  }
  const since = parseMoment(parseCursor(request.query.get("cursor") ?? ""));
  const changes = await deps.database.agents.mapChanges(scopeOf(reader), { filter, since });
  const server_time = deps.now().toISOString();
  return jsonReply(
    changes === null ? { changes: null, server_time } : { ...withCursor(changes), server_time },
  );
}

function withCursor<Followed extends { next: Cursor }>(
  { next, ...followed }: Followed,
): Omit<Followed, "next"> & { next_cursor: string } {
  return { ...followed, next_cursor: formatCursor(next) };
}

export function parseMoment({ xid, at_us, shortest }: Cursor): MapMoment {
  const isMoment = typeof xid === "string" && /^\d{1,19}$/.test(xid) && isCount(at_us) && isCount(shortest) &&
    shortest <= 86_400;
  if (!isMoment) throw badCursor();
  return { xid, at_us, shortest };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
