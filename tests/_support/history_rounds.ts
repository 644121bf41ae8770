import assert from "node:assert/strict";
import type { Beat, Bucket } from "../../supabase/functions/_shared/database/port.ts";
import { giveClock, type SetTime } from "./database_clock.ts";
import { tellBeat, tellHistory, type ToldAgent } from "./history_model.ts";
import { type Picker, pickerOf } from "./picker.ts";
import { recordBeats } from "./record_beats.ts";
import { openRulesDatabase, type RulesDatabase } from "./rules_database.ts";

interface Scene {
  database: RulesDatabase;
  setTime: SetTime;
  agents: ToldAgent[];
  pick: Picker;
  now: number;
}

const agentsCount = 3;
const steps = [60, 900, 3600, 86_400];
const names = ["cpu_percent", "load_1m", "latency_ms", "alpha", "beta", "gamma", "zeta"];
const values = [0, 1, -3.25, 97.5, 1e300, -1e300, 1e-300, 0.1];
class Crash extends Error {}

/**
 * Random beats over hours, in lists of any length, while the history is kept at random moments, now and then by a call
 * that fails at its end: what is told is what the plain reference makes of the beats themselves, each time.
 */
export async function playHistory(rounds: number, random: () => number): Promise<void> {
  await using database = await openRulesDatabase();
  const pick = pickerOf(random);
  const setTime = await giveClock(database.sql);
  const now = Date.UTC(2026, 2, 10, pick.below(24), pick.below(60));
  const scene: Scene = { database, setTime, pick, now, agents: [] };
  await setTime(new Date(now));
  scene.agents = await makeAgents(scene);
  for (let round = 0; round < rounds; round++) {
    scene.now += 1000 * pick.one([1, 5, 20, 60, 61, 90, 600, 4000]);
    await setTime(new Date(scene.now));
    await beat(scene);
    if (pick.chance(0.1)) await keep(scene);
    if (round % 40 === 39 || round === rounds - 1) await look(scene, `round ${round}`);
  }
}

async function makeAgents({ database, now }: Scene): Promise<ToldAgent[]> {
  const rows = await database.sql(
    `insert into public.agents (name, heartbeat_interval_seconds) select 'agent', 30 * i
     from generate_series(1, $1) as i returning id, heartbeat_interval_seconds as interval`,
    [agentsCount],
  );
  return rows.map(({ id, interval }) => ({
    id: String(id),
    intervalSeconds: Number(interval),
    createdAt: now,
    beats: [],
    gaps: [],
  }));
}

/** Some agents beat at once. A list whose end is lost is sent again, with the same beats. */
async function beat(scene: Scene): Promise<void> {
  const { database, agents, pick, now } = scene;
  const beating = pick.shuffled(agents).slice(0, pick.below(agents.length + 1));
  const beats = beating.map((agent) => makeBeat(agent, pick));
  if (beats.length === 0) return;
  if (pick.chance(0.05)) {
    await crashing(database, (port) => recordBeats(port, beats));
  }
  await database.at((port) => recordBeats(port, beats));
  for (const [place, agent] of beating.entries()) {
    const one = beats[place];
    if (one !== undefined) tellBeat(agent, one, now);
  }
}

function makeBeat({ id, beats }: ToldAgent, pick: Picker): Beat {
  const last = beats.at(-1)?.beat;
  const goesOn = last !== undefined && pick.chance(0.95);
  const given = names.filter(() => pick.chance(0.4)).map((name) => [name, pick.one(values)]);
  const uptime = pick.chance(0.7) ? [["uptime_seconds", pick.one([7, 3000, 1e6])]] : [];
  const status = pick.one(["healthy", "healthy", "healthy", "degraded", "unhealthy", "stopping"]);
  return {
    agentId: id,
    epoch: 1,
    status,
    message: null,
    metrics: Object.fromEntries([...given, ...uptime]),
    instanceId: goesOn ? last.instanceId : newInstance(pick),
    seq: goesOn ? (last.seq ?? 0) + pick.one([1, 1, 1, 4]) : 1,
    clockOffsetSeconds: null,
    work: null,
    backInSeconds: pick.one([null, 120]),
  };
}

function newInstance(pick: Picker): string {
  return `${pick.below(2 ** 32).toString(16).padStart(8, "0")}-0000-4000-8000-000000000001`;
}

/** The schedule calls it again while there is more, or does not come to that. */
async function keep({ database, pick }: Scene): Promise<void> {
  const most = pick.one([1, 2, 30]);
  for (let part = 0; part < most; part++) {
    if (pick.chance(0.2)) await crashing(database, ({ history }) => history.keep(30));
    if (!await database.at(({ history }) => history.keep(30))) break;
  }
}

/** Whatever was done is undone, as when the connection is gone before its end. */
async function crashing(database: RulesDatabase, work: Parameters<RulesDatabase["at"]>[0]): Promise<void> {
  await assert.rejects(
    database.at(async (port, now) => {
      await work(port, now);
      throw new Crash();
    }),
    Crash,
  );
}

async function look(scene: Scene, when: string): Promise<void> {
  const { database, agents, pick, setTime } = scene;
  scene.now += 1000;
  await setTime(new Date(scene.now));
  for (const agent of agents) {
    for (const stepSeconds of steps) {
      const { from, to } = spanOf(agent, scene.now, pick);
      const query = { from: new Date(from), to: new Date(to), stepSeconds };
      const told = await database.at(({ history }) => history.read(agent.id, null, query));
      const expected = tellHistory(agent, { from, to, stepSeconds, now: scene.now });
      const what =
        `${when}, agent ${agent.intervalSeconds}, step ${stepSeconds}, ${query.from.toISOString()}`;
      assert.deepEqual(told?.gaps, expected.gaps, what);
      assertBuckets(told.buckets, expected.buckets, what);
    }
  }
}

/** All of it, or a part of it. */
function spanOf({ createdAt }: ToldAgent, now: number, pick: Picker): { from: number; to: number } {
  if (pick.chance(0.5)) return { from: createdAt - 60_000, to: now };
  const from = createdAt + pick.below(now - createdAt);
  return { from, to: from + 1 + pick.below(now - from) };
}

function assertBuckets(told: Bucket[], expected: Bucket[], what: string): void {
  const plain = (buckets: Bucket[]) =>
    buckets.map(({ at, beats, worst_status, metrics }) => [
      at,
      beats,
      worst_status,
      metrics === undefined ? null : Object.keys(metrics).sort(),
    ]);
  assert.deepEqual(plain(told), plain(expected), what);
  for (const [place, one] of expected.entries()) {
    const other = told[place];
    assertNear(other?.expected, one.expected, { within: 0.006, what: `${what} ${one.at} expected` });
    for (const [name, numbers] of Object.entries(one.metrics ?? {})) {
      for (const [index, number] of numbers.entries()) {
        const within = 1e-5 * Math.max(...numbers.map(Math.abs));
        assertNear(other?.metrics?.[name]?.[index], number, { within, what: `${what} ${one.at} ${name}` });
      }
    }
  }
}

function assertNear(
  told: number | undefined,
  expected: number,
  { within, what }: { within: number; what: string },
): void {
  assert.ok(told !== undefined && Math.abs(told - expected) <= within, `${what}: ${told}, not ${expected}`);
}
