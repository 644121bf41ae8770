import assert from "node:assert/strict";
import { join } from "node:path";
import { otherMonitorJob, readOtherMonitor } from "../../../cli/serve/other_monitor.ts";
import { Pulse } from "../../../cli/serve/pulse.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";
import { version } from "../../../supabase/functions/_shared/version.ts";
import { closedPort } from "../../_support/port.ts";
import { isThere, run } from "../../_support/program.ts";
import { assertRefused } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";

const path = "/ping/0d6e1b42-secret";
const counts = { online: 40, late: 2 };

interface Received {
  method: string;
  path: string;
  body: string;
}

/** Another monitor, which answers as the test says. */
function startReceiver(
  answer: () => Response | Promise<Response>,
): { url: URL; received: Received[] } & Disposable {
  const received: Received[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      received.push({
        method: request.method,
        path: new URL(request.url).pathname,
        body: await request.text(),
      });
      return await answer();
    },
  );
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}${path}`),
    received,
    [Symbol.dispose]: () => void server.shutdown(),
  };
}

/** The server's end: its counts, its pulse and its log. */
function ours(url: URL, timeoutMs = 120_000): {
  beat: () => Promise<void>;
  lines: string[];
  state: { standsStill: boolean; failure: Error | null };
} {
  const lines: string[] = [];
  const state: { standsStill: boolean; failure: Error | null } = { standsStill: false, failure: null };
  const count = (): Promise<typeof counts> =>
    state.failure === null ? Promise.resolve(counts) : Promise.reject(state.failure);
  const job = otherMonitorJob(url, {
    database: { agents: { count } },
    pulse: state,
    log: new Log((line) => lines.push(line)),
    timeoutMs,
  });
  assert.deepEqual([job.everyMs, job.atStart], [60_000, undefined]);
  return { beat: job.run, lines, state };
}

Deno.test("the server beats at another monitor with the counts of its agents, and logs nothing", async () => {
  using receiver = startReceiver(() => new Response("OK"));
  const { beat, lines } = ours(receiver.url);
  await beat();
  await beat();
  const sent = { method: "POST", path, body: JSON.stringify({ version, agents: counts }) };
  assert.deepEqual(receiver.received, [sent, sent]);
  assert.deepEqual(lines, []);
});

Deno.test("a schedule that stands still sends no beat, is told once, and so is its end", async () => {
  using receiver = startReceiver(() => new Response("OK"));
  const { beat, lines, state } = ours(receiver.url);
  state.standsStill = true;
  await beat();
  await beat();
  assert.deepEqual(receiver.received, []);
  state.standsStill = false;
  await beat();
  assert.equal(receiver.received.length, 1);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /"warn".*own schedule stands still/);
  assert.match(lines[1] ?? "", /"info".*heartbeats at the other monitor again/);
});

Deno.test("a database that does not answer sends no beat", async () => {
  using receiver = startReceiver(() => new Response("OK"));
  const { beat, state } = ours(receiver.url);
  state.failure = new Error("the database is away");
  await assert.rejects(beat(), /the database is away/);
  assert.deepEqual(receiver.received, []);
});

const faults: [name: string, answer: () => Response, cause: RegExp][] = [
  ["refuses", () => new Response("who are you", { status: 404 }), /it answered with 404/],
  ["fails", () => new Response("", { status: 503 }), /it answered with 503/],
  [
    "redirects",
    () => new Response("", { status: 302, headers: { location: `${path}/elsewhere` } }),
    /redirects \(302\)/,
  ],
];
for (const [name, answer, cause] of faults) {
  Deno.test(`another monitor that ${name} is one line in the log, without its address, and is asked again`, async () => {
    using receiver = startReceiver(answer);
    const { beat, lines } = ours(receiver.url);
    for (let turn = 0; turn < 3; turn++) await beat();
    assert.deepEqual(receiver.received.map((one) => one.path), [path, path, path]);
    assertTold(lines, receiver.url, cause);
  });
}

Deno.test("another monitor that never answers is given up, and is one line in the log", async () => {
  const hanging = Promise.withResolvers<void>();
  using receiver = startReceiver(() => hanging.promise.then(() => new Response("at last")));
  const { beat, lines } = ours(receiver.url, 100);
  await beat();
  await beat();
  hanging.resolve();
  assertTold(lines, receiver.url, /no reply within 0\.1 s/);
});

Deno.test("another monitor that cannot be reached is one line in the log, without its address", async () => {
  const url = new URL(`${closedPort()}${path}?token=secret`);
  const { beat, lines } = ours(url);
  await beat();
  await beat();
  assertTold(lines, url, /refused/i);
});

function assertTold(lines: string[], url: URL, cause: RegExp): void {
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0] ?? "", /"level":"warn","event":"no heartbeat at the other monitor"/);
  assert.match(lines[0] ?? "", cause);
  for (const part of ["secret", url.host, url.pathname]) assert.ok(!lines[0]?.includes(part), lines[0]);
}

Deno.test("a pulse stands still once its job has not succeeded for three turns and 15 s, and goes on with the next success", async () => {
  const clock = { now: 0 };
  const outcome: { failure: Error | null } = { failure: null };
  const job = {
    name: "a job",
    everyMs: 60_000,
    run: () => outcome.failure === null ? Promise.resolve() : Promise.reject(outcome.failure),
  };
  const pulse = new Pulse(job, () => clock.now);
  assert.deepEqual([pulse.job.name, pulse.job.everyMs], [job.name, job.everyMs]);
  clock.now = 195_000;
  assert.equal(pulse.standsStill, false);
  clock.now = 195_001;
  assert.equal(pulse.standsStill, true);
  outcome.failure = new Error("away");
  await assert.rejects(pulse.job.run(), /away/);
  assert.equal(pulse.standsStill, true, "a turn that failed is no success");
  outcome.failure = null;
  await pulse.job.run();
  assert.equal(pulse.standsStill, false);
});

const address = `https://monitor.example${path}`;
const variables = (values: Record<string, string>) => (name: string): string | undefined => values[name];
const noWarning = (text: string): void => assert.fail(text);

Deno.test("the address of the other monitor comes from a variable, or from a file", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "address");
  await Deno.writeTextFile(file, `\uFEFF ${address}\r\n`, { mode: 0o600 });
  const read = async (values: Record<string, string>): Promise<string | undefined> =>
    (await readOtherMonitor(variables(values), noWarning))?.href;
  assert.equal(await read({ OPENCLAW_HEARTBEAT_URL: address, OPENCLAW_HEARTBEAT_URL_FILE: "" }), address);
  assert.equal(await read({ OPENCLAW_HEARTBEAT_URL_FILE: file }), address);
  assert.equal(await read({ OPENCLAW_HEARTBEAT_URL: "" }), undefined);
  assert.equal(await read({}), undefined);
});

const secret = "0d6e1b42-secret";
for (
  const bad of [
    secret,
    `monitor.example/${secret}`,
    `ftp://monitor.example/${secret}`,
    `https://user:${secret}@monitor.example/`,
    `https://${secret}@monitor.example/`,
    `https://monitor example/${secret}`,
  ]
) {
  Deno.test(`the address ${bad} of another monitor → refused, and not repeated`, async () => {
    await assert.rejects(
      readOtherMonitor(variables({ OPENCLAW_HEARTBEAT_URL: bad }), noWarning),
      ({ name, message }: Error) =>
        name === "ConfigurationError" && message.includes("OPENCLAW_HEARTBEAT_URL") &&
        !message.includes(secret),
    );
  });
}

Deno.test("openclaw serve with a bad address of another monitor, or two → usage, and nothing is made", async () => {
  await using home = await temporaryFolder();
  const data = join(home.path, "data");
  const starts: [Record<string, string>, RegExp][] = [
    [
      { OPENCLAW_HEARTBEAT_URL: secret },
      /OPENCLAW_HEARTBEAT_URL holds no address[^\n]*\nhint: OPENCLAW_HEARTBEAT_URL_FILE=/,
    ],
    [
      { OPENCLAW_HEARTBEAT_URL: address, OPENCLAW_HEARTBEAT_URL_FILE: "x" },
      /are set, unset one of them\nhint: /,
    ],
  ];
  for (const [env, message] of starts) {
    const result = await run(["serve", "--data", data, "--port", "0"], { home: home.path, env });
    assertRefused(result, 2, message);
    assert.ok(!`${result.stdout}${result.stderr}`.includes(secret));
    assert.equal(await isThere(data), false);
  }
});
