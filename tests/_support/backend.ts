import assert from "node:assert/strict";
import { generateSigningKey, importKeyRing, type KeyRing } from "../../supabase/functions/_shared/auth.ts";
import type { Backend } from "../../supabase/functions/_shared/backend.ts";
import type { Agent, Database } from "../../supabase/functions/_shared/database.ts";
import { answer, type Endpoint } from "../../supabase/functions/_shared/endpoint.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { supabaseOperators } from "../../supabase/functions/_shared/operator.ts";
import { Refusals } from "../../supabase/functions/_shared/refusals.ts";
import { record, type Reply } from "./client.ts";

/** A backend whose clock, chance and database the test holds. */
export interface TestBackend extends Backend {
  clock: { now: Date };
  /** The database's calls, in their order. */
  calls: { name: string; args: unknown[] }[];
  lines: string[];
  work: Promise<void>[];
}

export const operatorKey = "sb_secret_for_the_tests_alone_000000000000";
export const agentId = "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
export const now = new Date("2026-11-23T12:00:00.000Z");
export const issuer = "https://fleet.example/functions/v1";

/** Bytes 00 to 1f: the contract's vector. */
export const secret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";

/** One key for all tests: making one is slow, and none of them changes it. */
export const keys: Promise<KeyRing> = makeKeyRing();

export async function makeKeyRing(): Promise<KeyRing> {
  return await importKeyRing({ keys: [await generateSigningKey()] });
}

export const agent: Agent = {
  id: agentId,
  owner_id: null,
  name: "edge 1",
  labels: {},
  heartbeat_interval_seconds: 60,
  status: null,
  message: null,
  liveness: "pending",
  last_seen_at: null,
  last_handshake_at: null,
  metrics: {},
  version: null,
  hostname: null,
  os: null,
  arch: null,
  created_at: now.toISOString(),
  revoked_at: null,
};

const succeeding: Database = {
  createAgent: () => Promise.resolve(agent),
  getAgent: () => Promise.resolve(agent),
  revokeAgent: () => Promise.resolve(agent),
  openSession: () =>
    Promise.resolve({ id: agentId, name: agent.name, epoch: 1, heartbeatIntervalSeconds: 60 }),
  recordRefusal: () => Promise.resolve(),
  readSession: () => Promise.resolve(agent),
  recordHeartbeats: (beats) => Promise.resolve(beats.map(() => ({ heartbeatIntervalSeconds: 60 }))),
  ping: () => Promise.resolve(),
};

/** A database whose every call fails, whichever there are. */
export function failingDatabase(error: () => Error): Database {
  return new Proxy(succeeding, { get: () => () => Promise.reject(error()) });
}

/** A backend whose database succeeds in everything, but for what the test replaces. */
export async function testBackend(database: Partial<Database> = {}): Promise<TestBackend> {
  const clock = { now };
  const calls: TestBackend["calls"] = [];
  const lines: string[] = [];
  const work: Promise<void>[] = [];
  return {
    database: recording({ ...succeeding, ...database }, calls),
    keys: await keys,
    operators: supabaseOperators({
      url: "https://fleet.example",
      secretKeys: { default: operatorKey },
      userKeys: () => Promise.resolve({ keys: [] }),
    }),
    refusals: new Refusals(() => clock.now),
    log: new Log((line) => lines.push(line)),
    issuer,
    sessionLifetimeSeconds: 900,
    agentLimitPerOwner: 1000,
    trustedProxies: 0,
    now: () => clock.now,
    random: () => 0.5,
    jitter: () => new Promise((resolve) => setTimeout(resolve, 0)),
    randomBytes: (length) => Uint8Array.from({ length }, (_, index) => index),
    waitUntil: (task) => void work.push(task),
    clock,
    calls,
    lines,
    work,
  };
}

/** What an endpoint answers to a request, read, with the work after it done. */
export async function ask(
  endpoint: Endpoint,
  backend: TestBackend,
  { rest = "", address = "192.0.2.1", ...init }: RequestInit & { rest?: string; address?: string } = {},
): Promise<Reply> {
  const request = new Request(`https://fleet.example/functions/v1/${endpoint.name}${rest}`, init);
  const response = await answer(endpoint, request, backend, { rest, socketAddress: address });
  await Promise.all(backend.work.splice(0));
  backend.log.flush();
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, body: record(parsed) };
}

function recording(database: Database, calls: TestBackend["calls"]): Database {
  return new Proxy(database, {
    get(target, name, receiver) {
      const call: unknown = Reflect.get(target, name, receiver);
      assert.ok(typeof call === "function");
      return (...args: unknown[]): unknown => {
        calls.push({ name: String(name), args });
        return Reflect.apply(call, target, args);
      };
    },
  });
}
