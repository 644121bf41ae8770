import assert from "node:assert/strict";
import type { Beat, Verdict } from "../../supabase/functions/_shared/database/port.ts";
import { type BeatingAgent, newBeatingAgent, takeBeat } from "./beats_model.ts";
import { micros, openRulesDatabase, type RulesDatabase } from "./rules_database.ts";
import { type Picker, pickerOf } from "./picker.ts";
import { recordBeats } from "./record_beats.ts";

type Fleet = Map<string, BeatingAgent>;

const agents = 8;
const act = { ownerId: null, act: { actor: "key:default", address: null } };
const instances = [1, 2, 3].map((one) => `${one}0000000-0000-4000-8000-00000000000${one}`);
const messages = [null, "", "busy", `a 'quoted' "one" {of} \\ null,\n漢字 👩‍🚀`];
const statuses = ["healthy", "degraded", "unhealthy", "stopping"];
const metrics: Record<string, number>[] = [{}, { load_1m: 0.1 }, {
  cpu_percent: -3.25,
  big: 1e300,
  small: 1e-7,
}];

/** Random lists of beats, between random acts: the verdicts and the rows are those of the plain rules, each time. */
export async function playBeats(rounds: number, random: () => number): Promise<void> {
  await using database = await openRulesDatabase();
  let ordinary = 0;
  const pick = pickerOf(random);
  const fleet: Fleet = new Map();
  const made = await database.sql(
    `insert into public.agents (name, heartbeat_interval_seconds) select 'agent', 5 * i
     from generate_series(1, $1) as i returning id, heartbeat_interval_seconds as interval`,
    [agents],
  );
  for (const { id, interval } of made) fleet.set(String(id), newBeatingAgent(Number(interval)));
  for (let round = 0; round < rounds; round++) {
    if (pick.chance(0.4)) await change(database, fleet, pick);
    const beats = makeList(fleet, pick);
    const isWhole = pick.chance(0.3);
    const { verdicts, now } = await database.at(async ({ heartbeats }, now) => {
      if (isWhole) return { verdicts: await heartbeats.record(beats), now };
      const others = (left: readonly Beat[]): Promise<Verdict[]> => {
        ordinary += beats.length - left.length;
        return heartbeats.record(left);
      };
      return { verdicts: await recordBeats({ heartbeats: { ...heartbeats, record: others } }, beats), now };
    });
    const expected = beats.map((beat) => takeBeat(fleet.get(beat.agentId), beat, now));
    assert.deepEqual(verdicts, expected, `the verdicts of round ${round}`);
    assert.deepEqual(await read(database), rowsOf(fleet), `the rows after round ${round}`);
  }
  assert.ok(ordinary >= rounds / 8, `${ordinary} beats in ${rounds} rounds were ordinary`);
}

/** At most one beat of an agent; ids that nobody has, epochs of yesterday and tomorrow. Of half, the next one after its last. */
function makeList(fleet: Fleet, pick: Picker): Beat[] {
  const ids = [...fleet.keys(), "f0000000-0000-4000-8000-00000000000f"];
  return pick.shuffled(ids).slice(0, pick.below(ids.length + 1)).map((agentId) => {
    const beat = makeBeat(agentId, fleet, pick);
    const { instance, seq } = fleet.get(agentId) ?? { instance: null, seq: null };
    if (instance === null || seq === null || pick.chance(0.5)) return beat;
    return {
      ...beat,
      status: pick.one(["healthy", "healthy", "degraded", "unhealthy"]),
      instanceId: instance,
      seq: Math.min(seq + 1, Number.MAX_SAFE_INTEGER),
      backInSeconds: null,
    };
  });
}

function makeBeat(agentId: string, fleet: Fleet, pick: Picker): Beat {
  return {
    agentId,
    epoch: (fleet.get(agentId)?.epoch ?? 1) + pick.one([0, 0, 0, 0, 0, 0, -1, 1]),
    status: pick.one(statuses),
    message: pick.one(messages),
    metrics: pick.one(metrics),
    instanceId: pick.one([...instances, null]),
    seq: pick.one([null, Number.MAX_SAFE_INTEGER, ...Array.from({ length: 12 }, (_, seq) => seq)]),
    clockOffsetSeconds: pick.one([null, 0, -7, 2 ** 31 - 1]),
    work: pick.one([null, { busy: pick.chance(0.7), progress: pick.one([null, 1, 2, -(2 ** 53 - 1)]) }]),
    backInSeconds: pick.one([null, 1, 604_800]),
  };
}

/** One act, or some time that passes, for one agent. */
async function change(database: RulesDatabase, fleet: Fleet, pick: Picker): Promise<void> {
  const [id, agent] = pick.one([...fleet]);
  const set = (columns: string, value: unknown) =>
    database.sql(`update public.agent_beats set ${columns} where agent_id = $1`, [id, value]);
  const acts: (() => Promise<unknown>)[] = [
    async () => {
      await database.at(({ agents }) => agents.revoke(id, act));
      await database.at(({ agents }) => agents.restore(id, act));
      agent.epoch += 1;
      agent.onlineSince = null;
    },
    async () => {
      await database.at(({ agents }) => agents.endSessions(id, act));
      agent.epoch += 1;
    },
    async () => {
      agent.rotationRequested = pick.chance(0.3);
      await set("rotation_requested_at = case when $2 then now() end", agent.rotationRequested);
    },
    async () => {
      agent.adopting = pick.chance(0.3) ? pick.some(instances) : [];
      await set("adopting_instances = $2::uuid[]", agent.adopting);
    },
    async () => {
      agent.revokedInstances = pick.some(instances.slice(0, 1));
      await set("revoked_instances = $2::uuid[]", agent.revokedInstances);
    },
    async () => {
      agent.deadline = pick.one([null, 10, 60]);
      await set("deadline_seconds = $2", agent.deadline);
    },
    async () => {
      if (agent.deadlineFrom === null) return;
      const seconds = pick.one([-60, 10, 60]);
      agent.deadlineFrom -= seconds * 1_000_000;
      if (agent.lastProgressAt !== null) agent.lastProgressAt -= seconds * 1_000_000;
      await set(
        "deadline_from = deadline_from - make_interval(secs => $2), last_progress_at = last_progress_at - make_interval(secs => $2)",
        seconds,
      );
    },
    // As when time passes, or the clock was ahead.
    async () => {
      if (agent.lastSeenAt === null) return;
      const seconds = pick.one([-60, -3, 10, agent.interval, 5 * agent.interval, 100_000]);
      agent.lastSeenAt -= seconds * 1_000_000;
      await set("last_seen_at = last_seen_at - make_interval(secs => $2)", seconds);
    },
  ];
  await pick.one(acts)();
}

async function read(database: RulesDatabase): Promise<unknown[]> {
  const rows = await database.sql(
    `select b.agent_id as id, b.interval_seconds as interval, b.session_epoch as epoch,
       b.rotation_requested_at is not null as "rotationRequested", b.adopting_instances::uuid[] as adopting,
       b.revoked_instances::uuid[] as "revokedInstances", ${micros("b.last_seen_at")} as "lastSeenAt",
       ${
      micros("b.online_since")
    } as "onlineSince", b.heartbeats_count::integer as count, b.status, b.message, b.metrics,
       b.clock_offset_seconds as "clockOffset", b.last_instance_id as instance, b.last_seq::double precision as seq,
       b.busy, b.progress::double precision as progress, ${micros("b.last_progress_at")} as "lastProgressAt",
       ${micros("b.deadline_from")} as "deadlineFrom", b.deadline_seconds as deadline, ${
      micros("b.back_at")
    } as "backAt",
       array(select c from unnest(b.copies) as c order by c) as copies,
       array(select i.instance_id from public.agent_instances as i where i.agent_id = b.agent_id order by i.place)
         as instances,
       (
         select coalesce(jsonb_agg(jsonb_build_object(
           'instance', t.instance_id, 'seq', t.seq, 'at', ${micros("t.at")}, 'stopping', t.stopping
         ) order by t.place), '[]')
         from public.agent_turns as t where t.agent_id = b.agent_id
       ) as turns
     from public.agent_beats as b order by b.agent_id`,
  );
  return rows.map((row) => ({ ...row }));
}

function rowsOf(fleet: Fleet): unknown[] {
  return [...fleet].sort(([one], [other]) => one < other ? -1 : 1)
    .map(([id, agent]) => ({ id, ...agent, copies: agent.copies.toSorted() }));
}
