import assert from "node:assert/strict";
import { isRecord } from "../../supabase/functions/_shared/values.ts";
import { send } from "./client.ts";
import { type ServerHere, startServerHere } from "./server_here.ts";
import { until } from "./wait.ts";

/** What a receiver took, in its own words. */
export interface Message {
  receiver: string;
  type: "opened" | "closed" | "other";
  text: string;
}

/** What was told in one part of the story, and the incidents at its end. */
export interface Part {
  name: string;
  messages: Message[];
  incidents: { kind: string; agents_count: number; open: boolean }[];
}

const agentsCount = 1000;
const stepSeconds = 5;

/**
 * A fleet of 1,000 agents and three receivers, at a real server with the embedded Postgres. Time passes by as much as all
 * that the database has stamped becomes older: an hour takes some seconds. The agents beat by the function that beats take,
 * each every minute. `tell` hears what happens; at the end, `look` is given the server.
 */
export async function showIncidents(
  data: string,
  { tell, look }: { tell: (line: string) => void; look: (server: ServerHere) => Promise<void> },
): Promise<{ parts: Part[]; gaps: number }> {
  const receivers = startReceivers();
  let server = await startServerHere({ data });
  try {
    await prepare(server, receivers.urls);
    const parts: Part[] = [];
    const part = async (name: string, work: () => Promise<void>): Promise<void> => {
      tell(`\n${name}`);
      const before = receivers.taken.length;
      await work();
      await settle(server);
      const messages = receivers.taken.slice(before);
      for (const { receiver, text } of messages) {
        tell(`  ${receiver.padEnd(8)} ${text.replaceAll("\n", " | ")}`);
      }
      if (messages.length === 0) tell("  nobody is told anything");
      parts.push({ name, messages, incidents: await incidentsOf(server) });
    };
    const pass = (seconds: number) => passTime(server, seconds);
    const set = async (what: string, who: string) =>
      void await server.sql(`update demo.agents set ${what} where ${who}`);

    await part(`${agentsCount} agents are well for two minutes`, () => pass(120));
    await part("a site of 40 is cut off for six minutes", async () => {
      await set("beats = false", "number <= 40");
      await pass(360);
    });
    await part("its line is back", async () => {
      await set("beats = true, next_beat = 0", "number <= 40");
      await pass(150);
    });
    await part("the work of three agents stands still for four minutes", async () => {
      await set("works = false", "number between 101 and 103");
      await pass(240);
    });
    await part("it moves again", async () => {
      await set("works = true", "number between 101 and 103");
      await pass(180);
    });
    await part("the server is stopped for twenty minutes", async () => {
      await server.sql("select demo.age('20 minutes')");
      await server[Symbol.asyncDispose]();
      server = await startServerHere({ data });
      // Each agent comes back when its wait between two tries is over.
      await set("next_beat = floor(random() * 300)", "true");
      await pass(900);
    });
    await part("200 agents are deployed: they say that they will be back in two minutes", async () => {
      await set("stops = true", "number between 501 and 700");
      await pass(65);
      await set("beats = false", "number between 501 and 700");
      await pass(60);
      await set("beats = true, stops = false, next_beat = 0", "number between 501 and 700");
      await pass(300);
    });
    const [row] = await server.sql(
      "select count(*)::integer as gaps from public.server_gaps where ended_at - began_at > interval '15 minutes'",
    );
    await look(server);
    return { parts, gaps: Number(row?.gaps) };
  } finally {
    await server[Symbol.asyncDispose]();
    await receivers.stop();
  }
}

async function prepare(server: ServerHere, urls: Record<string, string>): Promise<void> {
  const settings: [kind: string, settings: Record<string, string>][] = [
    ["webhook", { url: urls.webhook ?? "" }],
    ["slack", { url: urls.slack ?? "" }],
    ["ntfy", { url: `${urls.ntfy}/fleet` }],
  ];
  for (const [kind, given] of settings) {
    const reply = await send(`${server.base}/channels`, {
      method: "POST",
      headers: { apikey: server.operatorKey },
      body: { name: kind, kind, settings: given },
    });
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
  }
  for (const statement of [...fleet.split(";\n"), ...functions]) await server.sql(statement);
}

/** The database was made before: of the time until now there is a gap on record, which excuses what comes after it. */
const fleet = `
select public.tick();
delete from public.server_gaps;
create schema demo;
insert into public.agents (name, labels, progress_deadline_seconds)
  select 'agent-' || lpad(i::text, 4, '0'), jsonb_build_object('site', case when i <= 40 then 'Linz' else 'Graz-' || i % 24 end),
    case when i between 101 and 103 then 90 end
  from generate_series(1, ${agentsCount}) as i;
create table demo.agents as
  select a.id, substring(a.name from 7)::integer as number, 0::bigint as seq, 0::bigint as progress, true as beats, true as works,
    false as stops, false as is_due, floor(random() * 60)::double precision as next_beat
  from public.agents as a
`;

/** All that is stamped becomes older. */
const stamps: Record<string, string[]> = {
  "public.agent_beats": ["last_seen_at", "online_since", "last_progress_at", "deadline_from", "back_at"],
  "public.agent_troubles": ["noted_at"],
  "public.incidents": [
    "opened_at",
    "joined_at",
    "quiet_since",
    "closed_at",
    "reopened_at",
    "first_beat_at",
    "last_beat_at",
  ],
  "public.incident_agents": ["joined_at", "left_at"],
  "public.deliveries": ["next_attempt_at", "leased_until", "created_at", "delivered_at"],
  "public.server_gaps": ["began_at", "ended_at", "excused_until"],
  "public.ticks": ["ticked_at"],
};
const aging = Object.entries(stamps).map(([table, columns]) =>
  `update ${table} set ${columns.map((column) => `${column} = ${column} - by`).join(", ")};`
);

const functions = [
  `create function demo.age(by interval) returns void language plpgsql as $$
  begin
    ${aging.join("\n    ")}
    update demo.agents set next_beat = next_beat - extract(epoch from by);
  end $$`,
  `create function demo.pass(by interval) returns void language plpgsql as $$
  begin
    perform demo.age(by);
    update demo.agents as d set seq = seq + 1, progress = progress + works::integer, is_due = beats and next_beat <= 0
      where is_due or beats and next_beat <= 0;
    perform public.record_heartbeats(
      array_agg(id), array_agg(1), array_agg(case when stops then 'stopping' else 'healthy' end),
      array_agg(null::text), array_agg('{"load_1m": 0.5}'::text), array_agg(id), array_agg(seq), array_agg(0),
      array_agg(case when number between 101 and 103 then true end),
      array_agg(case when number between 101 and 103 then progress end), array_agg(case when stops then 120 end)
    ) from demo.agents where is_due having count(*) > 0;
    update demo.agents set next_beat = next_beat + 60 where is_due;
    perform public.tick();
  end $$`,
];

async function passTime(server: ServerHere, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= stepSeconds) {
    await server.sql(`select demo.pass('${Math.min(left, stepSeconds)} seconds')`);
  }
}

/** Until the server has sent what waits. */
async function settle(server: ServerHere): Promise<void> {
  await until("the deliveries", async () => {
    const [row] = await server.sql(
      "select count(*)::integer as waiting from public.deliveries where state = 'pending'",
    );
    return row?.waiting === 0;
  });
}

async function incidentsOf(server: ServerHere): Promise<Part["incidents"]> {
  const rows = await server.sql(
    "select kind, agents_count, closed_at is null as open from public.incidents order by opened_at",
  );
  return rows.map(({ kind, agents_count, open }) => ({
    kind: String(kind),
    agents_count: Number(agents_count),
    open: open === true,
  }));
}

interface Receivers {
  urls: Record<string, string>;
  taken: Message[];
  stop: () => Promise<void>;
}

/** Three on this host, which answer as a webhook, Slack and ntfy do. */
function startReceivers(): Receivers {
  const taken: Message[] = [];
  const kinds: [name: string, reply: string, textOf: (body: Record<string, unknown>) => string][] = [
    [
      "webhook",
      "",
      ({ type, data }) => `${type} ${isRecord(data) ? `${data.kind}, ${data.agents_count} agents` : ""}`,
    ],
    ["slack", "ok", ({ text }) => String(text)],
    ["ntfy", '{"event":"message"}', ({ title, message }) => `${title}\n${message}`],
  ];
  const servers = kinds.map(([receiver, reply, textOf]) =>
    Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, async (request) => {
      const body: unknown = await request.json();
      const text = isRecord(body) ? textOf(body) : "";
      const type = /^(incident\.closed|Over after)/.test(text)
        ? "closed"
        : /^(incident\.opened|.* (is|are) (offline|stalled))/.test(text)
        ? "opened"
        : "other";
      taken.push({ receiver, type, text });
      return new Response(reply);
    })
  );
  return {
    urls: Object.fromEntries(
      kinds.map(([name], place) => [name, `http://127.0.0.1:${servers[place]?.addr.port}`]),
    ),
    taken,
    async stop() {
      for (const server of servers) await server.shutdown();
    },
  };
}
