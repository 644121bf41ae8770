import assert from "node:assert/strict";
import { assertError, type CreatedAgent, record, type Reply, send, text } from "../_support/client.ts";
import { until } from "../_support/wait.ts";
import type { Fleet } from "./stage.ts";
import { type Story, told } from "./story.ts";

const instance = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const ranks = ["healthy", "stopping", "degraded", "unhealthy"];

/** Stories of what agents' beats leave. */
export const historyStories: Story[] = [
  told("beats → their history in each step, and the same when their hour is over", async (fleet) => {
    const { client, sql } = fleet;
    const agent = await client.createAgent();
    const token = await client.session(agent);
    for (
      const [status, load_1m, more] of [["healthy", 0.5, {}], ["degraded", 4, { queue: 7 }], [
        "healthy",
        1.5,
        {},
      ]]
    ) {
      assert.equal((await client.beat(token, { status, metrics: { load_1m, ...record(more) } })).status, 200);
    }
    const [begin, end] = [new Date(Date.now() - 600_000), new Date(Date.now() + 60_000)];
    const whole = { beats: 3, worst: "degraded", least: 0.5, most: 4, queue: 7 };
    const minutes = { beats: 3, worst: "degraded", least: Infinity, most: -Infinity, queue: undefined };
    for (const step of [900, 3600, 86_400]) {
      assert.deepEqual(sumOf(await read(fleet, agent, { begin, end, step })), whole);
    }
    assert.deepEqual(sumOf(await read(fleet, agent, { begin, end, step: 60 })), minutes);

    await sql(twoHoursLater);
    await until("the hour to be kept", async () => {
      await sql("select public.keep_history()");
      const [row] = await sql("select count(*)::integer as hours from public.history_hours");
      return Number(row?.hours) > 0;
    });
    const [first, last] = [begin, end].map((at) => new Date(at.getTime() - 7_200_000));
    assert.ok(first !== undefined && last !== undefined);
    const then = { begin: first, end: last };
    for (const step of [900, 3600]) {
      assert.deepEqual(sumOf(await read(fleet, agent, { ...then, step })), whole);
    }
    assert.deepEqual(sumOf(await read(fleet, agent, { ...then, step: 60 })), minutes);
    const now = { begin: new Date(end.getTime() - 3_600_000), end };
    assert.equal(sumOf(await read(fleet, agent, { ...now, step: 60 })).beats, 0, "no beat is told twice");
  }),
  told("a silence → a gap with its reason, for those who may see the agent", async (fleet) => {
    const { client, sql } = fleet;
    const agent = await client.createAgent();
    const token = await client.session(agent);
    await client.beat(token, { instance_id: instance, seq: 1 });
    await sql(`update public.agent_beats set last_seen_at = last_seen_at - interval '10 minutes',
      online_since = online_since - interval '10 minutes' where agent_id = '${agent.id}'`);
    await sql("truncate public.server_gaps");
    const { last_seen_at: from } = await client.agent(agent.id);
    await client.beat(token, { instance_id: instance, seq: 4 });
    const { last_seen_at: to } = await client.agent(agent.id);
    const gap = { from, to, reason: "network", detail: { unanswered_count: 2 } };
    const made = await client.operate("reader-keys", { body: { name: "a dashboard" } });
    for (const headers of [client.operator, { apikey: text(made.body.key) }]) {
      const { status, body } = await send(pathOf(fleet, agent), { headers });
      assert.deepEqual([status, body.gaps], [200, [gap]]);
      assert.equal(Array.isArray(body.buckets) && body.buckets.length, 97, "a day in quarters of an hour");
    }
    assertError(await send(pathOf(fleet, agent)), "operator_required", 401);
    assertError(await client.operate(`agents/${agent.id}/history?step=61`), "invalid_request", 400);
    assert.equal(
      (await client.operate(`agents/${agent.id}?name=test%20agent`, { method: "DELETE" })).status,
      200,
    );
    assertError(await client.operate(`agents/${agent.id}/history`), "not_found", 404);
  }),
];

/** All that is stamped of agents and of their history is two hours older. */
const twoHoursLater = `
  do $$
  declare
    stamp record;
  begin
    -- The server's schedule locks many of these rows, too: it waits, or there would be a deadlock.
    perform pg_advisory_xact_lock(hashtextextended('openclaw tick', 0)),
      pg_advisory_xact_lock(hashtextextended('openclaw history', 0));
    for stamp in
      select c.table_name, string_agg(format('%1$I = %1$I - interval ''2 hours''', c.column_name), ', ') as older
      from information_schema.columns as c
      where c.table_schema = 'public' and c.data_type = 'timestamp with time zone' and c.is_generated = 'NEVER'
        and (c.table_name in ('agents', 'agent_beats') or c.table_name like 'history%')
      group by c.table_name
    loop
      execute format('update public.%I set %s', stamp.table_name, stamp.older);
    end loop;
  end
  $$`;

interface Span {
  begin: Date;
  end: Date;
  step: number;
}

function pathOf({ client }: Fleet, { id }: CreatedAgent, query = ""): string {
  return `${client.base}/agents/${id}/history${query}`;
}

function read(fleet: Fleet, agent: CreatedAgent, { begin, end, step }: Span): Promise<Reply> {
  const query = `?from=${begin.toISOString()}&to=${end.toISOString()}&step=${step}`;
  return send(pathOf(fleet, agent, query), { headers: fleet.client.operator });
}

/** Of all buckets together: the beats may lie in two of them. */
function sumOf({ status, body }: Reply): Record<string, unknown> {
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok(Array.isArray(body.buckets));
  const buckets = body.buckets.map(record);
  const metrics = buckets.map((bucket) => record(bucket.metrics ?? {}));
  const loads = metrics.flatMap(({ load_1m: load }) => Array.isArray(load) ? [load.map(Number)] : []);
  const worst = Math.max(...buckets.map(({ worst_status: one }) => ranks.indexOf(String(one))));
  return {
    beats: buckets.reduce((sum, { beats }) => sum + Number(beats), 0),
    worst: ranks[worst],
    least: Math.min(...loads.map(([least]) => least ?? NaN)),
    most: Math.max(...loads.map(([, , most]) => most ?? NaN)),
    queue: metrics.flatMap(({ queue }) => Array.isArray(queue) ? [queue[1]] : [])[0],
  };
}
