import assert from "node:assert/strict";
import { generateSigningKey, importKeyRing, type KeyRing } from "../../supabase/functions/_shared/keys.ts";
import type { Backend } from "../../supabase/functions/_shared/backend.ts";
import {
  type Agent,
  type AgentsMap,
  type Bucket,
  type Channel,
  type Database,
  databaseOver,
  type Enrollment,
  type Event,
  type FleetNumbers,
  type FollowedMap,
  type Gap,
  type Incident,
  type MapChanges,
  type MapMoment,
  type OpenedSession,
  type ReaderKey,
} from "../../supabase/functions/_shared/database/port.ts";
import { Deliverer } from "../../supabase/functions/_shared/channels/deliverer.ts";
import { noMail, type Post, type Transports } from "../../supabase/functions/_shared/channels/send.ts";
import { testRate } from "../../supabase/functions/_shared/channels/test_message.ts";
import { Buckets } from "../../supabase/functions/_shared/http/buckets.ts";
import { respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import type { Endpoint } from "../../supabase/functions/_shared/http/routes.ts";
import { incomingOf, responseOf } from "../../supabase/functions/_shared/http/web.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { supabaseOperators } from "../../supabase/functions/_shared/operator.ts";
import { RefusedAgents } from "../../supabase/functions/_shared/refused_agents.ts";
import { VerifiedTokens } from "../../supabase/functions/_shared/verified_tokens.ts";
import { Refusals } from "../../supabase/functions/_shared/http/refusals.ts";
import { record, type Reply } from "./client.ts";
import { agentId, agentSecret } from "./vectors.ts";

/** A backend whose clock, chance and database the test holds. */
export interface TestBackend extends Backend {
  clock: { now: Date };
  /** The database's calls, in their order. */
  calls: { name: string; args: unknown[] }[];
  lines: string[];
  /** What was posted to channels. */
  posts: Post[];
  work: Promise<void>[];
}

export { agentId, agentSecret as secret };
export const operatorKey = "sb_secret_for_the_tests_alone_000000000000";
export const now = new Date("2026-11-23T12:00:00.000Z");
export const issuer = "https://fleet.example/functions/v1";

/** One key for all tests: making one is slow, and none of them changes it. Made before the first test begins. */
export const keys: Promise<KeyRing> = Promise.resolve(await makeKeyRing());

export async function makeKeyRing(): Promise<KeyRing> {
  return await importKeyRing({ keys: [await generateSigningKey()] });
}

export const troubles = { unhealthy: 0, copies: 0 };
export const agent: Agent = {
  id: agentId,
  owner_id: null,
  name: "edge 1",
  labels: {},
  heartbeat_interval_seconds: 60,
  progress_deadline_seconds: null,
  status: null,
  message: null,
  liveness: "pending",
  liveness_since: now.toISOString(),
  last_seen_at: null,
  back_at: null,
  busy: null,
  last_progress_at: null,
  last_handshake_at: null,
  metrics: {},
  version: null,
  hostname: null,
  os: null,
  arch: null,
  clock_offset_seconds: null,
  created_at: now.toISOString(),
  revoked_at: null,
  muted_until: null,
  secret_created_at: now.toISOString(),
  previous_secret_expires_at: null,
  last_secret: null,
  rotation: "none",
  refused_handshakes_count: 0,
  last_refused_at: null,
  last_refusal: null,
  copies: [],
};

export const agentsMap: AgentsMap = {
  sort: "name",
  cells: "6",
  order: "1",
  groups: [],
  groups_count: 0,
  marks: [{ sort: "name", key: agent.name, id: agentId }],
  counts: { pending: 1 },
  troubles,
};

/** From when the changes of `followedMap` count. */
export const mapMoment: MapMoment = { xid: "700", at_us: 1_800_000_000_000_000, shortest: 60 };

export const followedMap: FollowedMap = {
  ...agentsMap,
  ids: agentId,
  liveness: "6",
  incidents: "",
  next: { ...mapMoment },
};

export const mapChanges: MapChanges = {
  changes: { "77": [agentId] },
  copies: 0,
  incidents: "",
  next: { ...mapMoment, xid: "701" },
};

export const openedSession: OpenedSession = {
  id: agentId,
  name: agent.name,
  epoch: 1,
  heartbeatIntervalSeconds: 60,
  secretAgeSeconds: 86_400,
  adopting: false,
  adopted: false,
};

export const readerKeyRow: ReaderKey = {
  id: agentId,
  owner_id: null,
  name: "a dashboard",
  created_at: now.toISOString(),
};

export const fleetNumbers: FleetNumbers = {
  agents: { online: 40, late: 2 },
  unhealthy: 1,
  muted: 3,
  copies: 4,
  heartbeats: 1_000_000,
  handshakes: 500,
  refused_handshakes: 6,
  incidents: { offline: 2 },
  deliveries: { delivered: 7, failed: 1 },
};

export const channel: Channel = {
  id: agentId,
  owner_id: null,
  name: "ops",
  kind: "slack",
  settings: { url: "https://hooks.slack.com/services/secret" },
  labels: {},
  kinds: ["offline", "stalled", "unhealthy", "copy", "server"],
  after_seconds: 0,
  remind_after_seconds: null,
  enabled: true,
  created_at: now.toISOString(),
};

export const event: Event = {
  id: 7,
  agent_id: agentId,
  agent_name: agent.name,
  kind: "created",
  at: now.toISOString(),
  actor: "key:default",
  address: "192.0.2.1",
  detail: {},
};

export const enrollment: Enrollment = {
  id: agentId,
  owner_id: null,
  name: "{hostname}",
  labels: {},
  heartbeat_interval_seconds: 60,
  progress_deadline_seconds: null,
  uses: 1,
  used: 0,
  created_at: now.toISOString(),
  expires_at: new Date(now.getTime() + 3_600_000).toISOString(),
  revoked_at: null,
};

export const agentHistory: { buckets: Bucket[]; gaps: Gap[] } = {
  buckets: [{
    at: "2026-11-23T11:45:00.000Z",
    beats: 14,
    expected: 15,
    worst_status: "degraded",
    metrics: { cpu_percent: [1.5, 20.25, 97] },
  }],
  gaps: [{
    from: "2026-11-23T11:46:00.000Z",
    to: "2026-11-23T11:48:00.000Z",
    reason: "network",
    detail: { unanswered_count: 1 },
  }],
};

export const incident: Incident = {
  id: agentId,
  owner_id: null,
  kind: "offline",
  opened_at: now.toISOString(),
  closed_at: null,
  agents_count: 1,
  agents: [{ id: agentId, name: agent.name }],
  labels: { site: "Linz" },
  reason: null,
  changes_count: 0,
  acknowledged_at: null,
  acknowledged_by: null,
  deliveries: [],
};

/** A database whose every call fails, whichever there are. */
export function failingDatabase(error: () => Error): Database {
  return databaseOver(() => Promise.reject(error()));
}

/** What a test replaces of the database. */
type Fakes = { [Noun in keyof Database]?: Partial<Database[Noun]> };

/** A database in which everything succeeds, but for what the test replaces. */
export async function testBackend(database: Fakes = {}): Promise<TestBackend> {
  const clock = { now };
  const calls: TestBackend["calls"] = [];
  const lines: string[] = [];
  const posts: Post[] = [];
  const work: Promise<void>[] = [];
  const found = () => Promise.resolve(agent);
  const nothing = () => Promise.resolve();
  const answers: Database = {
    agents: {
      create: found,
      get: found,
      revoke: found,
      list: () =>
        Promise.resolve({ rows: [agent], next: null, totals: { counts: { pending: 1 }, troubles } }),
      map: () => Promise.resolve(agentsMap),
      follow: () => Promise.resolve(followedMap),
      mapChanges: () => Promise.resolve(mapChanges),
      edit: found,
      restore: found,
      endSessions: found,
      delete: found,
      count: () => Promise.resolve({}),
      ...database.agents,
    },
    sessions: {
      open: () => Promise.resolve(openedSession),
      openAll: (handshakes) => Promise.resolve(handshakes.map(() => openedSession)),
      recordRefusals: nothing,
      read: found,
      ...database.sessions,
    },
    secrets: {
      rotate: found,
      request: found,
      rotateOwn: () => Promise.resolve(true),
      ...database.secrets,
    },
    copies: {
      adopt: found,
      revoke: found,
      identify: () => Promise.resolve(null),
      confirm: nothing,
      forget: nothing,
      ...database.copies,
    },
    heartbeats: {
      record: (beats) => Promise.resolve(beats.map(() => ({ heartbeatIntervalSeconds: 60 }))),
      recordOrdinary: (beats) => Promise.resolve(beats.map(() => ({ heartbeatIntervalSeconds: 60 }))),
      ...database.heartbeats,
    },
    enrollments: {
      create: () => Promise.resolve(enrollment),
      list: () => Promise.resolve({ rows: [enrollment], next: null }),
      get: () => Promise.resolve({ enrollment, hosts: [] }),
      revoke: () => Promise.resolve({ ...enrollment, revoked_at: now.toISOString() }),
      enroll: () => Promise.resolve({ id: agentId, name: agent.name }),
      recordProgress: () => Promise.resolve(true),
      ...database.enrollments,
    },
    readerKeys: {
      create: () => Promise.resolve(readerKeyRow),
      find: () => Promise.resolve(readerKeyRow),
      list: () => Promise.resolve({ rows: [readerKeyRow], next: null }),
      revoke: () => Promise.resolve(readerKeyRow),
      ...database.readerKeys,
    },
    channels: {
      create: () => Promise.resolve(channel),
      find: () => Promise.resolve(channel),
      list: () => Promise.resolve({ rows: [channel], next: null }),
      edit: () => Promise.resolve(channel),
      remove: () => Promise.resolve(channel),
      ...database.channels,
    },
    deliveries: {
      claim: () => Promise.resolve([]),
      record: () => Promise.resolve({ state: "delivered" }),
      ...database.deliveries,
    },
    events: { list: () => Promise.resolve({ rows: [event], next: null }), ...database.events },
    fleet: { measure: () => Promise.resolve(fleetNumbers), ...database.fleet },
    history: {
      read: () => Promise.resolve(agentHistory),
      keep: () => Promise.resolve(false),
      ...database.history,
    },
    incidents: {
      list: () => Promise.resolve({ rows: [incident], next: null }),
      get: () => Promise.resolve(incident),
      acknowledge: () => Promise.resolve(incident),
      tick: () => Promise.resolve(null),
      ...database.incidents,
    },
    health: {
      ping: () => Promise.resolve({ tick: 3 }),
      upkeep: () => Promise.resolve([]),
      ...database.health,
    },
  };
  const recorded = recording(answers, calls);
  const log = new Log((line) => lines.push(line));
  const transports: Transports = {
    post: (post) => {
      posts.push(post);
      return Promise.resolve({ status: 200, retryAfter: null, text: "ok" });
    },
    mail: noMail("OPENCLAW_SMTP_URL"),
  };
  return {
    database: recorded,
    keys: await keys,
    operators: supabaseOperators({
      url: "https://fleet.example",
      secretKeys: { default: operatorKey },
      userKeys: () => Promise.resolve({ keys: [] }),
    }),
    verifiedTokens: new VerifiedTokens(),
    refusals: new Refusals(() => clock.now),
    transports,
    deliverer: new Deliverer({ database: recorded, transports, log, now: () => clock.now }),
    channelTests: new Buckets(testRate, () => clock.now),
    refusedAgents: new RefusedAgents((refused) => recorded.sessions.recordRefusals(refused), nothing),
    log,
    meter: null,
    issuer,
    sessionLifetimeSeconds: 900,
    agentLimitPerOwner: 1000,
    trustedProxies: 0,
    historyDays: 30,
    now: () => clock.now,
    random: () => 0.5,
    jitter: () => new Promise((resolve) => setTimeout(resolve, 0)),
    randomBytes: (length) => Uint8Array.from({ length }, (_, index) => index),
    waitUntil: (task) => void work.push(task),
    clock,
    calls,
    lines,
    posts,
    work,
  };
}

/** What an endpoint answers to a request, read, with the work after it done. */
export async function ask(
  endpoint: Endpoint,
  backend: TestBackend,
  { rest = "", address = "192.0.2.1", ...init }: RequestInit & { rest?: string; address?: string } = {},
): Promise<Reply & { text: string }> {
  const request = new Request(`https://fleet.example/functions/v1/${endpoint.name}${rest}`, init);
  const where = { subpath: rest.replace(/\?.*$/, ""), socketAddress: address };
  const response = responseOf(await respond(endpoint, incomingOf(request), backend, where));
  await Promise.all(backend.work.splice(0));
  backend.log.flush();
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, body: record(parsed), text };
}

function recording(database: Database, calls: TestBackend["calls"]): Database {
  const noted = <Methods extends object>(noun: string, methods: Methods): Methods =>
    new Proxy(methods, {
      get(target, name, receiver) {
        const call: unknown = Reflect.get(target, name, receiver);
        assert.ok(typeof call === "function");
        return (...args: unknown[]): unknown => {
          calls.push({ name: `${noun}.${String(name)}`, args });
          return Reflect.apply(call, target, args);
        };
      },
    });
  // What Object.fromEntries forgets: each noun has the methods of its own.
  return Object.fromEntries(
    Object.entries(database).map(([noun, methods]) => [noun, noted(noun, methods)]),
  ) as Database;
}
