import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import {
  type Agent,
  type AgentsAfter,
  type Database,
  databaseOver,
} from "../../supabase/functions/_shared/database/port.ts";
import { newAgent } from "../_support/scenario_agents.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { plainBeat, recordBeats } from "../_support/record_beats.ts";
import { part } from "../_support/require.ts";
import { someWait, withSql } from "../_support/sql.ts";

const by = { ownerId: null, act: { actor: "key:default", address: null } };
const act = JSON.stringify(by.act);
const presented = { secretDigest: newAgent.secretDigest, instanceId: null };

type Race = (address: string, databases: [Database, Database, Database]) => Promise<void>;

const races: Record<string, Race> = {
  "a handshake that waits for a revocation → no session": async (address, [database]) => {
    const [agent] = await make(database, 1);
    const opened = await whileOpen(
      address,
      `select public.revoke_agent('${agent?.id}', null, '${act}')`,
      () => database.sessions.open({ ...presented, agentId: agent?.id ?? "" }, { client: {}, address: null }),
    );
    assert.equal(opened, null);
  },

  "a revocation that waits for a handshake → its session has ended when the revocation returns": async (
    address,
    [database],
  ) => {
    const [agent] = await make(database, 1);
    const id = agent?.id ?? "";
    const revoked = await whileOpen(
      address,
      `select public.open_sessions('[{"agent_id": "${id}", "secret_digest": "${presented.secretDigest}", "client": {}}]')`,
      () => database.agents.revoke(id, by),
    );
    assert.equal(revoked?.liveness, "revoked");
    assert.ok(revoked?.last_handshake_at !== null, "the handshake came first");
    assert.deepEqual(await database.heartbeats.record([plainBeat(id)]), [null]);
  },

  "a beat that waits for a deletion → refused; a deletion that waits for a beat → done": async (
    address,
    [database],
  ) => {
    const [first = "", second = ""] = (await make(database, 2)).map(({ id }) => id);
    const refused = await whileOpen(
      address,
      `select public.delete_agent('${first}', null, 'agent 0', '${act}')`,
      () => recordBeats(database, [plainBeat(first), plainBeat(second)]),
    );
    assert.deepEqual(refused, [null, { heartbeatIntervalSeconds: 60 }]);
    const deleted = await whileOpen(
      address,
      `select public.record_heartbeats('{${second}}', '{1}', '{healthy}', '{null}', array['{}'], '{null}', '{null}', '{null}', '{null}', '{null}', '{null}')`,
      () => database.agents.delete(second, { ...by, name: "agent 1" }),
    );
    assert.ok(typeof deleted === "object" && deleted?.liveness === "online", "the beat came first");
    assert.deepEqual(await database.heartbeats.record([plainBeat(second)]), [null]);
  },

  "a rename that a deletion waits for → the deletion by the old name is refused": async (
    address,
    [database],
  ) => {
    const [agent] = await make(database, 1);
    const deleted = await whileOpen(
      address,
      `select public.edit_agent('${agent?.id}', null, '{"name": "renamed"}', '${act}')`,
      () => database.agents.delete(agent?.id ?? "", { ...by, name: "agent 0" }),
    );
    assert.equal(deleted, "other_name");
    assert.equal((await database.agents.get(agent?.id ?? "", null))?.name, "renamed");
  },

  "lists of beats in any order while agents are edited and deleted → no deadlock, and no beat after its agent's deletion":
    async (_address, [operator, ...clients]) => {
      const agents = await make(operator, 30);
      const gone = new Set<string>();
      let isOver = false;
      const beating = clients.map(async (client) => {
        let recorded = 0;
        for (; !isOver; recorded++) {
          const order = shuffled(agents.map(({ id }) => id));
          const goneBefore = new Set(gone);
          const verdicts = await recordBeats(client, order.map((id) => plainBeat(id)));
          order.forEach((id, place) => assert.ok(!goneBefore.has(id) || verdicts[place] === null, id));
        }
        return recorded;
      });
      for (const { id, name } of agents) {
        await operator.agents.edit(id, { ...by, changes: { name: `${name}, renamed` } });
        const deleted = await operator.agents.delete(id, { ...by, name: `${name}, renamed` });
        assert.ok(typeof deleted === "object" && deleted !== null);
        gone.add(id);
      }
      isOver = true;
      for (const recorded of await Promise.all(beating)) assert.ok(recorded > 0);
      assert.deepEqual(await walk(operator, { sort: "created_at" }), []);
    },

  "all pages by created_at, while agents change their liveness and new ones are made → exactly those that were there throughout":
    async (_address, [operator, client, maker]) => {
      const agents = await make(operator, 120);
      const there = agents.map(({ id }) => id);
      let isOver = false;
      const changing = (async () => {
        for (let index = 0; !isOver; index++) {
          const id = there[index % there.length] ?? "";
          await client.heartbeats.record([plainBeat(id)]);
          await (index % 2 === 0 ? client.agents.revoke(id, by) : client.agents.restore(id, by));
        }
      })();
      // What is made while it walks is one page more each time: it would walk for long behind all that a quick machine makes.
      const making = (async () => {
        for (let count = 0; count < 60 && !isOver; count++) await make(maker, 1);
      })();
      for (const sort of ["created_at", "-created_at", "name", "-name"]) {
        const walked = await walk(operator, { sort });
        assert.equal(new Set(walked).size, walked.length, `none of them twice, by ${sort}`);
        assert.deepEqual(walked.filter((id) => there.includes(id)).sort(), there.toSorted(), sort);
      }
      isOver = true;
      await Promise.all([changing, making]);
    },
};

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("operators' acts beside agents and each other", async (bin, context) => {
  await using server = await startPostgres(bin);
  for (const [name, race] of Object.entries(races)) {
    await context.step(name, async () => {
      const address = await server.createDatabase();
      const stores = [await openPostgres(address), await openPostgres(address), await openPostgres(address)];
      const [one, two, three] = stores.map(({ call }) => databaseOver(call));
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      try {
        await race(address, [one, two, three]);
      } finally {
        for (const store of stores) await store.close();
      }
    });
  }
});

/** Does the work while another transaction has run a statement, and commits that once the work waits for it. */
async function whileOpen<Result>(
  address: string,
  statement: string,
  work: () => Promise<Result>,
): Promise<Result> {
  return await withSql(address, async (sql) => {
    await sql`begin`;
    await sql.unsafe(statement);
    const waiting = work();
    await someWait(address);
    await sql`commit`;
    return await waiting;
  });
}

async function make(database: Database, count: number): Promise<Agent[]> {
  const made: Agent[] = [];
  for (let index = 0; index < count; index++) {
    const agent = await database.agents.create({ ...newAgent, name: `agent ${index}` });
    assert.ok(typeof agent === "object");
    made.push(agent);
  }
  return made;
}

async function walk(database: Database, { sort }: { sort: string }): Promise<string[]> {
  const filter = { liveness: null, labels: [], search: null };
  const ids: string[] = [];
  for (let after: AgentsAfter | null = null;;) {
    const { rows, next } = await database.agents.list(null, { filter, sort, page: { limit: 7, after } });
    ids.push(...rows.map(({ id }) => id));
    if (next === null) return ids;
    after = JSON.parse(JSON.stringify(next));
  }
}

function shuffled<Item>(items: Item[]): Item[] {
  return items.map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
