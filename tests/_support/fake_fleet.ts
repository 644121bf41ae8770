import { mapWords } from "../../supabase/functions/agents/map.ts";
import {
  type Caught,
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "./fault_server.ts";

/** A secret API key, as a server's operator has it. */
export const operatorKey = "sb_secret_0123456789abcdefghijklmnop";
/** The server's clock stands still, so that ages are the same on every day. */
export const serverTime = "2026-11-23T12:00:00.000Z";

/** A page of a fleet without agents. */
export const emptyPage = {
  agents: [],
  counts: {},
  troubles: { unhealthy: 0, copies: 0 },
  next_cursor: null,
  server_time: serverTime,
};

export type FakeAgent = Record<string, unknown> & { id: string; name: string; liveness: string };

/** An agent as the contract has it: online, on a host of its name, and nothing to be noted of it. */
export function fakeAgent(number: number, more: Record<string, unknown> = {}): FakeAgent {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    owner_id: null,
    name: `web-${number}`,
    labels: { role: "web" },
    heartbeat_interval_seconds: 60,
    progress_deadline_seconds: null,
    status: "healthy",
    message: null,
    liveness: "online",
    liveness_since: "2026-11-23T10:30:00.000Z",
    last_seen_at: "2026-11-23T11:59:40.000Z",
    back_at: null,
    busy: null,
    last_progress_at: null,
    last_handshake_at: "2026-11-23T11:50:00.000Z",
    metrics: {},
    version: "0.1.0",
    hostname: `host-${number}`,
    os: "linux",
    arch: "x86_64",
    clock_offset_seconds: 0,
    created_at: "2026-11-01T00:00:00.000Z",
    revoked_at: null,
    muted_until: null,
    secret_created_at: "2026-11-01T00:00:00.000Z",
    previous_secret_expires_at: null,
    last_secret: "current",
    rotation: "none",
    refused_handshakes_count: 0,
    last_refused_at: null,
    last_refusal: null,
    copies: [],
    ...more,
  };
}

/** Silent for two hours. */
export function offlineAgent(number: number, more: Record<string, unknown> = {}): FakeAgent {
  return fakeAgent(number, {
    liveness: "offline",
    liveness_since: "2026-11-23T10:03:15.000Z",
    last_seen_at: "2026-11-23T10:00:00.000Z",
    ...more,
  });
}

interface Options {
  /** The credential that is taken, as the header that holds it. */
  accepts?: (caught: Caught) => boolean;
  /** What is done with a request instead, by its number. */
  instead?: (caught: Caught, index: number) => Fault | null;
  incidents?: Record<string, unknown>[];
}

/**
 * A server that lists these agents by pages, in the order in which they are given, as `GET /agents` does. It has their map
 * and these incidents, too, and takes every act without doing it.
 */
export function startFakeFleet(
  agents: readonly FakeAgent[] | (() => readonly FakeAgent[]),
  { accepts = hasKey, instead = () => null, incidents = [] }: Options = {},
): FaultServer {
  return startFaultServer((caught, index) => {
    const odd = instead(caught, index);
    if (odd !== null) return odd;
    if (!accepts(caught)) return refuses("operator_required");
    const { pathname, searchParams } = new URL(caught.path, "http://fleet.example");
    const all = typeof agents === "function" ? agents() : agents;
    const path = pathname.replace("/functions/v1/", "");
    if (path === "agents") return listReply(all, searchParams);
    if (path === "agents/map") return mapReply(all, searchParams);
    if (path === "incidents") return ours({ incidents, next_cursor: null, server_time: serverTime });
    const [noun, id] = path.split("/");
    const row = (noun === "incidents" ? incidents : all).find((one) => one.id === id);
    return row === undefined ? refuses("not_found", 404) : ours(row);
  });
}

export function hasKey({ headers }: Pick<Caught, "headers">): boolean {
  return headers.includes(`apikey: ${operatorKey}`);
}

/** The queries of the lists that were asked for. */
export function queriesOf({ caught }: FaultServer): Record<string, string>[] {
  return caught.map(({ path }) => Object.fromEntries(new URL(path, "http://fleet.example").searchParams));
}

function listReply(agents: readonly FakeAgent[], query: URLSearchParams): Fault {
  const words = query.get("liveness")?.split(",");
  const fitting = words === undefined ? agents : agents.filter(({ liveness }) => words.includes(liveness));
  const start = Number(query.get("cursor") ?? 0);
  const end = start + Number(query.get("limit") ?? 50);
  const counts: Record<string, number> = {};
  for (const { liveness } of agents) counts[liveness] = (counts[liveness] ?? 0) + 1;
  const unhealthy = agents.filter(({ liveness, status }) =>
    status === "unhealthy" && (liveness === "online" || liveness === "late")
  );
  const copies = agents.flatMap(({ copies }) => Array.isArray(copies) ? copies : []);
  return ours({
    agents: fitting.slice(start, end),
    counts,
    troubles: { unhealthy: unhealthy.length, copies: copies.length },
    next_cursor: end < fitting.length ? String(end) : null,
    server_time: serverTime,
  });
}

function mapReply(agents: readonly FakeAgent[], query: URLSearchParams): Fault {
  const key = query.get("group");
  const groups = new Map<string | null, string>();
  for (const { labels, liveness } of agents) {
    const value = key === null ? null : Object.entries(Object(labels)).find(([name]) => name === key)?.[1];
    const name = typeof value === "string" ? value : null;
    groups.set(name, (groups.get(name) ?? "") + mapWords.indexOf(liveness));
  }
  return ours({
    words: mapWords,
    cells: [...groups.values()].join(""),
    groups: [...groups].map(([name, cells]) => ({ name, count: cells.length })),
    groups_count: groups.size,
    server_time: serverTime,
  });
}
