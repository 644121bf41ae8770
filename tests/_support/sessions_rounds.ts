import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Client, Handshake } from "../../supabase/functions/_shared/database/port.ts";
import { type Picker, pickerOf } from "./picker.ts";
import { micros, openRulesDatabase, type RulesDatabase } from "./rules_database.ts";
import { type HandshakingAgent, takeHandshakes } from "./sessions_model.ts";

type Fleet = Map<string, HandshakingAgent>;

const agents = 6;
const instances = [1, 2, 3].map((one) => `${one}0000000-0000-4000-8000-00000000000${one}`);
const digests = ["a", "b", "c", "d"].map((text) =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`
);
const clients: Client[] = [
  {},
  { version: "0.1.0", hostname: "web-1", os: "linux", arch: "x86_64", supports: ["adopt", "rotate"] },
  { version: "0.2.0", hostname: `a 'quoted' "one" \\` },
];

/** Random lists of handshakes, each from a random state: the replies and the rows are those of the plain rules. */
export async function playHandshakes(rounds: number, random: () => number): Promise<void> {
  await using database = await openRulesDatabase();
  const pick = pickerOf(random);
  const made = await database.sql(
    `insert into public.agents (name, heartbeat_interval_seconds) select 'agent ' || i, 5 * i
     from generate_series(1, $1) as i returning id`,
    [agents],
  );
  for (const { id } of made) await change(database, String(id), pick);
  let events = 0;
  for (let round = 0; round < rounds; round++) {
    await change(database, String(pick.one(made).id), pick);
    const fleet = await read(database);
    const handshakes = makeList(fleet, pick);
    const before = structuredClone(fleet);
    const { opened, now } = await open(database, handshakes);
    const expected = takeHandshakes(fleet, handshakes, now);
    assert.deepEqual(opened, expected, `the replies of round ${round}`);
    assert.deepEqual([...await read(database)], [...fleet], `the rows after round ${round}`);
    for (const [id, { handshakes }] of fleet) {
      if (handshakes === 1 && before.get(id)?.handshakes === 0) events += 1;
    }
    const [noted] = await database.sql(
      "select count(*)::integer as count from public.agent_events where kind = 'first_handshake'",
    );
    assert.equal(noted?.count, events, `the first handshakes after round ${round}`);
  }
}

async function open(database: RulesDatabase, handshakes: Handshake[]) {
  let moment = NaN;
  try {
    return await database.at(async ({ sessions }, now) => {
      moment = now;
      return { opened: await sessions.openAll(handshakes), now };
    });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "21000")) throw error;
    return { opened: "twice" as const, now: moment };
  }
}

/** Any number of handshakes in an agent's name, with different secrets; ids that nobody has. */
function makeList(fleet: Fleet, pick: Picker): Handshake[] {
  const ids = [...fleet.keys(), "f0000000-0000-4000-8000-00000000000f"];
  const all = ids.flatMap((agentId) => digests.map((secretDigest) => ({ agentId, secretDigest })));
  return pick.shuffled(all).slice(0, 1 + pick.below(pick.one([1, 4, all.length]))).map((credentials) => ({
    ...credentials,
    instanceId: pick.one([...instances, null]),
    client: pick.one(clients),
    address: pick.one([null, "192.0.2.1", "2001:db8::1"]),
  }));
}

/** Gives an agent any secrets, of any age, or none; and anything else that lets it in or keeps it out. */
async function change(database: RulesDatabase, id: string, pick: Picker): Promise<void> {
  const [secret, previous, pending] = pick.shuffled(digests);
  const hasSecret = pick.chance(0.9);
  const hasPrevious = pick.chance(0.5);
  const ages = [0, 1.5, 3600, 90_000];
  await database.sql(
    `update public.agents set
       agent_secret = $2, secret_created_at = now() - make_interval(secs => $3), previous_secret = $4::text,
       previous_secret_created_at = now() - make_interval(secs => $5),
       previous_secret_expires_at = case when $4::text is not null then $6::timestamptz end,
       pending_secret = $7::text, pending_secret_created_at = case when $7::text is not null then now() end,
       revoked_at = case when $8 then now() end, created_at = now() - make_interval(secs => $9),
       adopted_from = case when $10 then gen_random_uuid() end
     where id = $1`,
    [
      id,
      hasSecret ? secret : null,
      hasSecret && pick.chance(0.8) ? pick.one(ages) : null,
      hasPrevious ? previous : null,
      hasPrevious && pick.chance(0.8) ? pick.one(ages) : null,
      pick.one(["-infinity", new Date(Date.now() - 1000).toISOString(), "2100-01-01T00:00:00Z"]),
      hasSecret && pick.chance(0.3) ? pending : null,
      pick.chance(0.2),
      pick.one(ages),
      pick.chance(0.2),
    ],
  );
  await database.sql(
    `update public.agent_beats set rotation_requested_at = case when $2 then now() end, revoked_instances = $3::uuid[],
       adopting_instances = $4::uuid[] where agent_id = $1`,
    [id, pick.chance(0.5), pick.some(instances.slice(0, 1)), pick.some(instances)],
  );
}

async function read(database: RulesDatabase): Promise<Fleet> {
  const rows = await database.sql(
    `select a.id, a.name, a.heartbeat_interval_seconds as interval, ${micros("a.created_at")} as "createdAt",
       b.session_epoch as epoch, a.revoked_at is not null as revoked, b.revoked_instances::uuid[] as "revokedInstances",
       b.adopting_instances::uuid[] as adopting, a.adopted_from is not null as adopted,
       b.rotation_requested_at is not null as "rotationRequested", a.agent_secret as secret,
       ${micros("a.secret_created_at")} as "secretAt", a.previous_secret as previous,
       ${micros("a.previous_secret_created_at")} as "previousAt",
       ${micros("a.previous_secret_expires_at")} as "previousExpiresAt", a.pending_secret as pending,
       ${micros("a.pending_secret_created_at")} as "pendingAt", a.last_secret as "lastSecret",
       ${micros("a.last_handshake_at")} as "lastHandshakeAt", a.handshakes_count::integer as handshakes,
       jsonb_build_object('version', a.version, 'hostname', a.hostname, 'os', a.os, 'arch', a.arch) as client,
       a.supports,
       (
         select coalesce(jsonb_object_agg(i.instance_id, i.address), '{}')
         from public.agent_instances as i where i.agent_id = a.id
       ) as instances
     from public.agents as a join public.agent_beats as b on b.agent_id = a.id order by a.id`,
  );
  // What the query cannot tell: it selects these columns under these names.
  return new Map(rows.map((row) => [String(row.id), { ...row } as unknown as HandshakingAgent]));
}
