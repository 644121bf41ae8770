import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { SMTPServer } from "npm:smtp-server@3.21.6";
import { openPostgres } from "../../../cli/serve/store/postgres.ts";
import { record, text } from "../../_support/client.ts";
import { type Picker, pickerOf } from "../../_support/picker.ts";
import { findPostgres, startPostgres, type TestPostgres } from "../../_support/postgres.ts";
import { type Received, Receivers, receiverSettings } from "../../_support/receivers.ts";
import { part } from "../../_support/require.ts";
import { end } from "../../_support/run.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { type Sql, withSql } from "../../_support/sql.ts";
import { pause, until } from "../../_support/wait.ts";

const postgres = await part("Postgres 15 or later", findPostgres);
const senderProgram = fileURLToPath(new URL("../../_support/ledger_sender.ts", import.meta.url));
const agentsCount = 12;
const stepSeconds = 5;
/** Of an incident that has stood as long, everybody is told. */
const stepsUntilTold = 70 / stepSeconds;
const certainMinutes = 60;
const settings = { ...receiverSettings, email: { to: "ops@example.com" } };
const hosts = Object.values(receiverSettings).map(({ url }) => url === undefined ? "" : new URL(url).hostname)
  .concat("api.telegram.org", "events.pagerduty.com", "mail").filter((host) => host !== "");
/** Those that take nothing by a 200 that says no. */
const saysNo = /^(hooks\.slack\.com|api\.telegram\.org|ntfy\.example|events\.pagerduty\.com)$/;

postgres.test("agents that come and go, receivers that fail, senders that are killed, a database that stops and a clock that jumps → each message in order, at least once, a repeat with the same id", async (bin) => {
  const pick = pickerOf(seededRandom("the ledger").next);
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  await (await openPostgres(address)).close();
  await using receivers = await startReceivers(pick);
  await using senders = new Senders([address, receivers.url, receivers.mailUrl]);
  await withSql(address, async (sql) => {
    await setUp(sql);
    const lasting = await playStory(sql, { pick, server, receivers, senders });
    assert.deepEqual(senders.ended, [], "a sender ended by itself");
    await assertLedger(sql, { receivers, lasting });
  });
});

/** Agents that beat every 5 s, so that one is offline after 30 s, and a channel of each kind. */
async function setUp(sql: Sql): Promise<void> {
  await sql`insert into public.agents (name, heartbeat_interval_seconds)
    select 'web-' || i, 5 from generate_series(1, ${agentsCount}) as i`;
  for (const [kind, given] of Object.entries(settings)) {
    await sql`insert into public.channels (name, kind, settings, remind_after_seconds)
      values (${kind}, ${kind}, ${sql.json(given)}, ${kind === "webhook" ? 300 : null})`;
  }
  await sql`insert into public.channels (name, kind, settings, after_seconds)
    values ('patient', 'webhook', ${sql.json(receiverSettings.webhook)}, 120)`;
}

interface Stage {
  pick: Picker;
  server: TestPostgres;
  receivers: FailingReceivers;
  senders: Senders;
}

/** The incidents that stood for long enough that everybody has to be told of them. */
async function playStory(sql: Sql, { pick, server, receivers, senders }: Stage): Promise<Set<string>> {
  // Fewer would not come to each of the faults.
  const [steps, healing] = [Math.max(100, share(300)), 60];
  const upAgain = Array.from({ length: agentsCount }, () => 0);
  const standing = new Map<string, number>();
  const lasting = new Set<string>();
  let at = Date.now() - 12 * 3_600_000;
  const noteStanding = async (): Promise<void> => {
    for (
      const { id }
        of await sql`select id::text from public.incidents where closed_at is null and quiet_since is null`
    ) {
      const count = (standing.get(id) ?? 0) + 1;
      standing.set(id, count);
      if (count > stepsUntilTold) lasting.add(id);
    }
    await pause(30);
  };
  senders.start();
  for (let step = 0; step < steps + healing; step++) {
    const heals = step >= steps;
    if (step === steps) {
      // A clock that was set back excuses what is silent until it is where it was: this is longer, so it is told.
      standing.clear();
      for (let turn = 0; turn < certainMinutes; turn++) {
        at += 60_000;
        await tick(sql, {
          at: new Date(at),
          up: upAgain.map((_, agent) => `web-${agent + 1}`).slice(4),
          seconds: 60,
        });
        await noteStanding();
      }
    }
    const jumps = !heals && (step === 20 || pick.chance(0.02));
    at += 1000 * (stepSeconds + (jumps ? pick.one([30, 240, 1200, -30, -600]) : 0));
    if (jumps) standing.clear();
    if (!heals && (step === 40 || pick.chance(0.01))) await stopDatabase(sql, server);
    if (!heals && (step === 60 || pick.chance(0.04))) await senders.kill();
    receivers.begin(step, heals);
    for (const agent of upAgain.keys()) {
      const isUp = (upAgain[agent] ?? 0) <= step;
      if (isUp && !heals && pick.chance(0.02)) upAgain[agent] = step + 1 + pick.below(60);
    }
    const up = upAgain.flatMap((until, agent) => until <= step || heals ? [`web-${agent + 1}`] : []);
    await tick(sql, { at: new Date(at), up, seconds: stepSeconds });
    await noteStanding();
  }
  // An hour without a gap ends the incident of the server itself.
  for (let turn = 0; turn < 15; turn++) {
    at += 300_000;
    await tick(sql, { at: new Date(at), up: upAgain.map((_, agent) => `web-${agent + 1}`), seconds: 300 });
  }
  await until("all that waits to be sent", async () => {
    await makeDue(sql);
    return (await sql`select from public.deliveries where state = 'pending'`).length === 0;
  }, { everyMs: 2000 });
  return lasting;
}

/** As when its host fails. A connection from before may only be found closed by the next statement. */
async function stopDatabase(sql: Sql, server: TestPostgres): Promise<void> {
  await server.halt("immediate");
  await pause(200);
  await server.start();
  await until("the database", () => sql`select 1`.then(() => true, () => false));
}

async function tick(
  sql: Sql,
  { at, up, seconds }: { at: Date; up: string[]; seconds: number },
): Promise<void> {
  await sql`update public.agent_beats as b set heartbeats_count = 1, status = 'healthy', last_seen_at = ${at},
    online_since = coalesce(b.online_since, ${at})
    from public.agents as a where a.id = b.agent_id and a.name = any(${up})`;
  await sql`select public.tick(${seconds}, ${at})`;
  await makeDue(sql);
}

/** The waits between tries, and the leases of senders that were killed, are over. */
async function makeDue(sql: Sql): Promise<void> {
  await sql`update public.deliveries set next_attempt_at = now(), leased_until = null where state = 'pending'`;
}

/**
 * One sender at a time, in a process of its own. One that could not open the database is started again, as a service
 * manager does it; one that had opened it never ends by itself.
 */
class Senders implements AsyncDisposable {
  /** What those have said that ended by themselves. */
  readonly ended: string[] = [];
  readonly #args: string[];
  #child: Deno.ChildProcess | null = null;
  constructor(args: string[]) {
    this.#args = args;
  }

  start(): void {
    const args = ["run", "--quiet", "--no-prompt", "--allow-all", senderProgram, ...this.#args];
    const child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.#child = child;
    void child.output().then(({ stdout, stderr }) => {
      if (this.#child !== child) return;
      const [opened, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      if (opened !== "") this.ended.push(said ?? "");
      this.start();
    });
  }

  /** At whatever line it is; another one starts. */
  async kill(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#child = null;
    // It may just have ended by itself.
    if (child !== null) await end(child);
  }
}

interface KeptMail {
  id: string;
  subject: string;
}

/** Receivers of every kind that fail by chance, and now and then one for minutes, until all are sound. */
interface FailingReceivers extends AsyncDisposable {
  url: string;
  mailUrl: string;
  kept: Received[];
  mails: KeptMail[];
  /** Before each step. */
  begin: (step: number, areSound: boolean) => void;
}

async function startReceivers(pick: Picker): Promise<FailingReceivers> {
  const receivers = new Receivers();
  const mails: KeptMail[] = [];
  const downUntil = new Map<string, number>();
  let areSound = false;
  const fateOf = (host: string) => {
    if (areSound) return "takes";
    if (downUntil.has(host)) return "is unreachable";
    const often = ["takes", "takes", "takes", "takes", "takes", "takes"] as const;
    return pick.one(
      [...often, "is busy", "is unreachable", "takes, and the reply is lost", "hangs", "says no"] as const,
    );
  };
  const answer = async (request: Request): Promise<Response> => {
    const { url, headers, body } = record(await request.json());
    const post = { url: new URL(text(url)), headers: headersOf(headers), body: text(body) };
    const fate = fateOf(post.url.hostname);
    if (fate === "hangs") await pause(1500);
    if (fate === "hangs" || fate === "is unreachable") return new Response(null, { status: 502 });
    if (fate === "is busy") return Response.json({ status: 429, text: "", retryAfter: "60" });
    if (fate === "says no" && saysNo.test(post.url.hostname)) {
      return Response.json({ status: 200, text: '{"ok":false,"status":"error"}', retryAfter: null });
    }
    const { status, text: said = "", retryAfter = null } = receivers.answer(post);
    if (fate === "takes, and the reply is lost") return new Response(null, { status: 502 });
    return Response.json({ status, text: said, retryAfter });
  };
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, answer);
  const mail = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onData: async (stream, _session, done) => {
      const raw = await wholeOf(stream);
      // Its sender was killed in its midst.
      if (raw === null) return;
      const fate = fateOf("mail");
      if (fate !== "takes" && fate !== "takes, and the reply is lost") return done(new Error("busy"));
      const [, id = ""] = /^Message-ID: <(.+)@openclaw>\r$/mi.exec(raw) ?? [];
      const [, subject = ""] = /^Subject: (.+)\r$/mi.exec(raw) ?? [];
      mails.push({ id, subject });
      done(fate === "takes" ? null : new Error("the reply was lost"));
    },
  });
  // A sender that is killed.
  mail.on("error", (error: Error) => {
    if (!("code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE"))) throw error;
  });
  await new Promise<void>((listening) => mail.listen(0, "127.0.0.1", listening));
  const { port } = mail.server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${http.addr.port}/`,
    mailUrl: `smtp://127.0.0.1:${port}`,
    kept: receivers.kept,
    mails,
    begin(step, isSound) {
      areSound = isSound;
      for (const [host, until] of downUntil) if (until <= step) downUntil.delete(host);
      for (const host of hosts) if (pick.chance(0.03)) downUntil.set(host, step + 1 + pick.below(80));
    },
    async [Symbol.asyncDispose]() {
      await http.shutdown();
      await new Promise<void>((closed) => mail.close(closed));
    },
  };
}

/** Null for a mail that was cut off. */
async function wholeOf(stream: AsyncIterable<unknown>): Promise<string | null> {
  let raw = "";
  try {
    for await (const chunk of stream) raw += String(chunk);
    return raw;
  } catch (error) {
    if (error instanceof Error && /closed before/.test(error.message)) return null;
    throw error;
  }
}

function headersOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(record(value)).map(([name, one]) => [name, text(one)]));
}

interface Row {
  id: string;
  channel: string;
  incident: string;
  type: string;
}

async function assertLedger(
  sql: Sql,
  { receivers, lasting }: { receivers: FailingReceivers; lasting: Set<string> },
): Promise<void> {
  const open = await sql`select kind, quiet_since from public.incidents where closed_at is null`;
  assert.deepEqual([...open], [], "all agents are up");
  const undelivered =
    await sql`select id, state, last_answer from public.deliveries where state <> 'delivered'`;
  assert.deepEqual([...undelivered], [], "nothing is lost");
  const rows = await sql<Row[]>`
    select d.id::text, c.name as channel, d.incident_id::text as incident, d.type
    from public.deliveries as d join public.channels as c on c.id = d.channel_id order by d.place`;
  assert.ok(rows.length > 20, "there is something to tell");
  for (const channel of new Set(rows.map((row) => row.channel))) {
    const told = rows.filter((row) => row.channel === channel);
    for (const incident of new Set(told.map((row) => row.incident))) {
      const words = told.filter((row) => row.incident === incident).map(({ type }) => type).join(" ");
      assert.match(words, /^(opened( reminder)* closed ?)+$/, `${channel}: an end for each beginning`);
    }
  }
  for (const channel of Object.keys(settings)) {
    const begun = new Set(rows.filter((row) => row.channel === channel).map(({ incident }) => incident));
    assert.deepEqual(
      [...lasting].filter((id) => !begun.has(id)),
      [],
      `${channel} is told of each that stood`,
    );
  }
  assertArrived(receivers, rows);
}

/** Every delivery has arrived, the first time in order, and a repeat is the same message. */
function assertArrived({ kept, mails }: FailingReceivers, rows: readonly Row[]): void {
  const messages = kept.filter(({ kind }) => kind === "webhook");
  const arrivals: Record<string, string[]> = {
    webhook: messages.map(({ id }) => id ?? ""),
    patient: messages.map(({ id }) => id ?? ""),
    email: mails.map(({ id }) => id),
  };
  for (const [channel, ids] of Object.entries(arrivals)) {
    const expected = rows.filter((row) => row.channel === channel).map(({ id }) => id);
    assert.deepEqual([...new Set(ids)].filter((id) => expected.includes(id)), expected, channel);
  }
  for (const { id, body } of messages) {
    const first = messages.find((one) => one.id === id);
    assert.deepEqual([first?.body.type, first?.body.data], [body.type, body.data]);
  }
  for (const kind of Object.keys(receiverSettings)) {
    const taken = kept.filter((one) => one.kind === kind).length;
    const channels = kind === "webhook" ? ["webhook", "patient"] : [kind];
    assert.ok(taken >= rows.filter(({ channel }) => channels.includes(channel)).length, kind);
  }
}
