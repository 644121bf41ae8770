import assert from "node:assert/strict";
import { describe, Log, redact } from "../../../supabase/functions/_shared/log.ts";
import { record, text } from "../../_support/client.ts";
import { agentId, operatorKey, secret } from "../../_support/backend.ts";
import { enrollmentCode, readerKey } from "../../_support/vectors.ts";
import { forge } from "../_tokens.ts";
import { withoutWaiting } from "../_timers.ts";
import { pause } from "../../_support/wait.ts";

function testLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: new Log((line) => lines.push(line)), lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line ?? "");
  return record(parsed);
}

Deno.test("a line is one JSON object with its time, level, event and details", () => {
  const { log, lines } = testLog();
  log.line("warn", "something happened", { agent_id: agentId, count: 2, ok: false, by: null });
  assert.equal(lines.length, 1);
  const { time, ...rest } = parse(lines[0]);
  assert.match(text(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "warn",
    event: "something happened",
    agent_id: agentId,
    count: 2,
    ok: false,
    by: null,
  });
});

Deno.test("newlines in a detail make no second line", () => {
  const { log, lines } = testLog();
  log.line("error", "internal", { cause: 'Error: a\nb\r\n{"level":"info"}\u2028' });
  assert.equal(lines.length, 1);
  assert.ok(!/[\r\n]/.test(lines[0] ?? ""));
});

Deno.test("requests are counted by path and status in one line, with at most two request ids each", () => {
  const { log, lines } = testLog();
  for (let index = 1; index <= 150; index++) log.count("heartbeat", 200, `beat-${index}`);
  log.count("heartbeat", 401, "refused-1");
  log.count("handshake", 200, "shake-1");
  assert.deepEqual(lines, []);
  log.flush();
  assert.equal(lines.length, 1);
  const { time: _, ...rest } = parse(lines[0]);
  assert.deepEqual(rest, {
    level: "info",
    event: "requests",
    requests: {
      "heartbeat 200": { count: 150, samples: ["beat-1", "beat-2"] },
      "heartbeat 401": { count: 1, samples: ["refused-1"] },
      "handshake 200": { count: 1, samples: ["shake-1"] },
    },
  });
});

Deno.test("the summary comes by itself 10 s after the first request that it counts, and only once", async () => {
  const { log, lines } = testLog();
  const delays = await withoutWaiting(async () => {
    log.count("heartbeat", 200, "a");
    log.count("heartbeat", 200, "b");
    await pause(20);
  });
  assert.deepEqual(delays, [10_000, 20]);
  assert.equal(lines.length, 1);
  log.flush();
  assert.equal(lines.length, 1);
});

Deno.test("after a summary counting starts anew", () => {
  const { log, lines } = testLog();
  log.count("health", 200, "a");
  log.flush();
  log.count("health", 200, "b");
  log.flush();
  assert.deepEqual(parse(lines[1]).requests, { "health 200": { count: 1, samples: ["b"] } });
});

Deno.test("without requests there is no summary", () => {
  const { log, lines } = testLog();
  log.flush();
  assert.deepEqual(lines, []);
});

Deno.test("the timer of a summary does not keep the process alive", async () => {
  const log = new URL("../../../supabase/functions/_shared/log.ts", import.meta.url).href;
  const script = `import { Log } from "${log}"; new Log(console.log).count("health", 200, "a");`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-lock", script],
    stderr: "inherit",
  });
  const { code, stdout } = await child.output();
  assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, ""], "it waited for the summary");
});

const connection = "postgres://fleet:word@db.example:5432/fleet";

for (
  const [name, make] of [
    ["an agent's secret", () => secret],
    ["a cut secret", () => secret.slice(0, 20)],
    ["an enrollment code", () => enrollmentCode],
    ["a reader's key", () => readerKey],
    ["a secret API key", () => operatorKey],
    ["a session token", () => forge()],
    ["a token's first part", async () => (await forge()).split(".")[0] ?? ""],
    ["a database's address", () => connection],
    ["the other spelling of one", () => connection.replace("postgres:", "postgresql:")],
  ] as const
) {
  Deno.test(`${name} does not reach the log, wherever it stands`, async () => {
    const value = await make();
    const { log, lines } = testLog();
    log.line("error", "internal", { cause: `Error: cannot read "${value}"`, [value]: 1 });
    log.line("error", value);
    log.count("health", 200, value);
    log.flush();
    assert.equal(lines.length, 3);
    for (const line of lines) {
      assert.ok(!line.includes(value), line);
      assert.match(line, /\[redacted\]/);
      assert.ok(record(parse(line)));
    }
  });
}

Deno.test("what is no secret is left as it is", () => {
  const line = `{"agent_id":"${agentId}","path":"create-agent","word":"eyelid"}`;
  assert.equal(redact(line), line);
});

Deno.test("an error is told with its causes, names and codes, without a stack", () => {
  const refused = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
  const error = new TypeError("fetch failed", { cause: refused });
  assert.equal(describe(error), "TypeError: fetch failed; because of Error ECONNREFUSED: connect refused");
});

for (
  const [name, thrown, told] of [[
    "a text",
    "a row of the database",
    "something thrown that is not an error (string)",
  ], [
    "null",
    null,
    "something thrown that is not an error (object)",
  ]] as const
) {
  Deno.test(`${name} that was thrown is told by its type alone`, () => assert.equal(describe(thrown), told));
}

Deno.test("what an error holds besides its message is not told", () => {
  const error = Object.assign(new Error("duplicate key"), {
    detail: "Key (name)=(edge)",
    row: { name: "edge" },
  });
  assert.equal(describe(error), "Error: duplicate key");
});
