import { makeSecret } from "../../supabase/functions/_shared/secret.ts";
import {
  type Caught,
  type Fault,
  type FaultServer,
  greets,
  isHandshake,
  ours,
  refuses,
  startFaultServer,
} from "./fault_server.ts";
import type { CreatedAgent } from "./client.ts";
import { agentId } from "./vectors.ts";

/** What a request asked for, as the contract names it. */
export type Asked = "handshake" | "beat" | "rotate" | "enroll" | "progress" | "look";

/** An agent as the server knows it. */
interface Row {
  id: string;
  /** The secret of the last handshake. */
  current: string;
  /** Made beside it, and not used yet. */
  unused: string | null;
}

interface Options {
  /** The words of each beat's reply. `rotate` is asked for until there was a rotation. */
  directives?: string[];
  /** Whether a handshake of the first agent brings another identity, until that was used. */
  adopts?: boolean;
  code?: string;
  secretAgeSeconds?: number;
  /** Takes the place of a reply, after what was asked for was done; null: the reply goes out. */
  spoil?: (asked: Asked, caught: Caught, index: number) => Fault | null;
}

export type RotatingServer = FaultServer & { world: World };

/** What the server knows, and what it was asked. */
export interface World {
  rows: Map<string, Row>;
  /** How many times what was asked for, refused or not. */
  counts: Record<Asked, number>;
  rotations: number;
  /** What enrolled, by the id of its enrollment. */
  enrolled: Map<string, string>;
}

const pool = Array.from({ length: 64 }, (_, seed) => makeSecret(new Uint8Array(32).fill(seed + 1)));
let taken = 0;

/** A secret that no other part of this process was given lately. */
export function anotherSecret(): string {
  return pool[taken++ % pool.length] ?? "";
}

/**
 * A server that keeps the contract's rules for an agent's secrets, copies and enrollments, as far as one agent's host
 * can see them.
 */
export function startRotatingServer(agent: CreatedAgent | null, options: Options = {}): RotatingServer {
  const rows = new Map<string, Row>();
  if (agent !== null) rows.set(agent.id, { id: agent.id, current: agent.secret, unused: null });
  const counts: Record<Asked, number> = { handshake: 0, beat: 0, rotate: 0, enroll: 0, progress: 0, look: 0 };
  const world: World = { rows, counts, rotations: 0, enrolled: new Map() };
  const server = startFaultServer((caught, index) => {
    const asked = askedBy(caught);
    counts[asked] += 1;
    const reply = replyTo(asked, caught, { world, options });
    return options.spoil?.(asked, caught, index) ?? reply;
  });
  return Object.assign(server, { world });
}

/** What the server reports of an agent that is online. */
const seen = {
  id: agentId,
  name: "edge 1",
  liveness: "online",
  last_seen_at: null,
  heartbeat_interval_seconds: 2,
};

function askedBy(caught: Caught): Asked {
  if (caught.method === "GET") return "look";
  if (isHandshake(caught)) return "handshake";
  if (caught.path.endsWith("/rotate-secret")) return "rotate";
  if (caught.path.endsWith("/enroll")) return "enroll";
  return caught.path.endsWith("/enroll/progress") ? "progress" : "beat";
}

function replyTo(
  asked: Asked,
  caught: Caught,
  { world, options }: { world: World; options: Options },
): Fault {
  if (asked === "progress") return { status: 204, body: "" };
  if (asked === "look") return ours({ version: "0.1.0", agent: seen, server_time: new Date().toISOString() });
  const body: Record<string, unknown> = { ...JSON.parse(caught.body) };
  if (asked === "beat") return beat(world, options);
  if (asked === "enroll") return enroll(world, body, options.code);
  const row = world.rows.get(String(body.agent_id));
  if (row === undefined) return refuses("invalid_credentials");
  return asked === "rotate" ? rotate(row, body) : shakeHands(row, body, { world, options });
}

function beat({ rotations }: World, { directives = [] }: Options): Fault {
  const asked = directives.filter((word) => word !== "rotate" || rotations === 0);
  return ours({ ok: true, next_heartbeat_in: 1, heartbeat_interval_seconds: 2, directives: asked });
}

function shakeHands(
  row: Row,
  { agent_secret: secret }: Record<string, unknown>,
  { world, options }: { world: World; options: Options },
): Fault {
  if (secret !== row.current && secret !== row.unused) return refuses("invalid_credentials");
  if (row.unused !== null && secret === row.unused) {
    row.current = row.unused;
    row.unused = null;
    world.rotations += 1;
  }
  const [original] = world.rows.keys();
  const copy = options.adopts && row.id === original ? copyOf(world) : null;
  return greets({
    agent: { id: row.id, name: `agent ${row.id.slice(0, 8)}` },
    secret_age_seconds: world.rotations > 0 ? 0 : options.secretAgeSeconds ?? 0,
    ...(copy === null ? {} : { identity: { agent_id: copy.id, agent_secret: copy.current } }),
  });
}

/** The same agent with a fresh secret each time. */
function copyOf({ rows }: World): Row {
  const copy = { id: agentId, current: anotherSecret(), unused: null };
  rows.set(copy.id, copy);
  return copy;
}

function rotate(row: Row, { agent_secret: secret }: Record<string, unknown>): Fault {
  if (secret !== row.current) return refuses("invalid_credentials");
  row.unused = anotherSecret();
  return ours({ agent_secret: row.unused });
}

function enroll(world: World, { code, enrollment_id: key }: Record<string, unknown>, good?: string): Fault {
  if (code !== good) return refuses("invalid_credentials");
  const id = world.enrolled.get(String(key)) ?? crypto.randomUUID();
  world.enrolled.set(String(key), id);
  const secret = anotherSecret();
  world.rows.set(id, { id, current: secret, unused: null });
  return ours({ agent: { id, name: "edge 1" }, agent_secret: secret }, 201);
}
