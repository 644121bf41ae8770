import { asHandshakes, type Measured } from "./_servers.ts";
import { loadSubject, type Part, type Subject } from "./_subject.ts";
import type { Fleet } from "./_fleet.ts";
import type { Load } from "./_wrk.ts";

export const fewAgents = 200;
export const fleetSizes = [10_000, 100_000] as const;
/** So many seconds it takes until every session of a fleet was verified once. */
const warmSecondsOf = (agents: number): number => 1 + Math.ceil(agents / 10_000);

/** Each varies one thing of 128 connections, 200 agents, and tokens that all hold. */
const variations: [name: string, load: Partial<Load>][] = [
  ["128 connections", {}],
  ["1 connection", { connections: 1 }],
  ["8 connections", { connections: 8 }],
  ["32 connections", { connections: 32 }],
  ["1 % garbage", { bad: 1 }],
  ["50 % garbage", { bad: 50 }],
  ["only garbage", { bad: 100 }],
  ["only forged tokens", { bad: 100, badKind: "forged" }],
  ["a connection a beat, 64 at once", { connections: 64, close: 1 }],
];

export function beatSubjects(measured: Measured, { part, fleet }: { part: Part; fleet: Fleet }): Subject[] {
  return variations.map(([name, variation]) =>
    loadSubject({ name: nameOf("beats", measured.name, name), part }, measured.target, {
      ...usual(fleet, fewAgents),
      ...variation,
    })
  );
}

/** The fleets that are larger than the usual one. */
export function fleetSubjects(
  { target }: Measured,
  fleet: Fleet,
  { database, agents }: { database: string; agents: number },
): Subject[] {
  const named = (how: string): { name: string; part: Part; warmSeconds: number } => ({
    name: nameOf("beats", database, how),
    part: "fleets",
    warmSeconds: warmSecondsOf(agents),
  });
  const load = usual(fleet, agents);
  const subjects = [loadSubject(named(fleetName(agents)), target, load)];
  if (agents < 100_000) return subjects;
  const steady = { ...named("1,640 a second, 100,000 agents"), warmSeconds: 1 };
  return [...subjects, loadSubject(steady, target, { ...load, rate: 1640 })];
}

export function handshakeSubjects(measured: Measured, fleet: Fleet): Subject[] {
  const target = asHandshakes(measured);
  return [["1 connection", 1] as const, ["32 connections", 32] as const].map(([name, connections]) =>
    loadSubject({ name: nameOf("handshakes", measured.name, name), part: "handshakes" }, target, {
      ...usual(fleet, fewAgents),
      kind: "handshake",
      connections,
    })
  );
}

/** Beats of Postgres with 128 connections: "beats, Postgres, 128 connections". */
export function nameOf(what: "beats" | "handshakes", database: string, how: string): string {
  return `${what}, ${database}, ${how}`;
}

export function fleetName(agents: number): string {
  return `${agents.toLocaleString("en-US")} agents`;
}

function usual({ file, secret }: Fleet, agents: number): Load {
  return { kind: "beat", connections: 128, file, agents, secret };
}
