import assert from "node:assert/strict";
import type { OperatorConnection } from "../../../cli/api/operator/ask.ts";
import { OneTimeCode } from "../../../cli/dashboard/one_time_code.ts";
import { remoteUpstream } from "../../../cli/dashboard/remote.ts";
import type { Upstream } from "../../../cli/dashboard/upstream.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import type { Reply } from "../../../supabase/functions/_shared/http/messages.ts";
import { Refusals } from "../../../supabase/functions/_shared/http/refusals.ts";
import { randomBytes } from "../../../supabase/functions/_shared/random.ts";
import { now } from "../../_support/backend.ts";
import { type Answer, startFaultServer } from "../../_support/fault_server.ts";
import { closedPort } from "../../_support/port.ts";
import { readerKey } from "../../_support/vectors.ts";

const from = { headers: { get: () => null }, socketAddress: "127.0.0.1" };

function codeAt(clock: { ms: number }): OneTimeCode {
  return new OneTimeCode({ now: () => new Date(now.getTime() + clock.ms), randomBytes });
}

function upstreamTo(
  operator: Partial<OperatorConnection> & { url: string },
  code = codeAt({ ms: 0 }),
): Upstream {
  const authorize = (): Promise<Record<string, string>> => Promise.resolve({ apikey: "sb_secret_x" });
  const refusals = new Refusals(() => now);
  return remoteUpstream({ authorize, ...operator }, { code, refusals, onEntry: () => undefined });
}

async function askWith(upstream: Upstream, method = "GET", body = ""): Promise<Reply> {
  const viewer = {
    role: "operator",
    ownerId: null,
    authorize: () => Promise.resolve({}),
    check: () => Promise.resolve(),
  } as const;
  return await upstream.ask(viewer, {
    ...from,
    method,
    path: "agents",
    query: new URLSearchParams("q=a b&label=x:y"),
    text: () => Promise.resolve(body),
  });
}

function isError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ContractError && error.code === code;
}

Deno.test("a code is good once", () => {
  const code = codeAt({ ms: 0 });
  const text = code.make();
  assert.match(text, /^[\w-]{43}$/);
  assert.deepEqual([code.redeem(`${text}x`), code.redeem(""), code.redeem(text), code.redeem(text)], [
    false,
    false,
    true,
    false,
  ]);
});

Deno.test("a code is good for two minutes, and until the next one is made", () => {
  const clock = { ms: 0 };
  const code = codeAt(clock);
  const [first, second] = [code.make(), code.make()];
  assert.equal(code.redeem(first), false);
  clock.ms = 120_000;
  assert.equal(code.redeem(second), true);
  const third = code.make();
  clock.ms += 120_001;
  assert.equal(code.redeem(third), false);
  const fourth = code.make();
  clock.ms -= 1;
  assert.equal(code.redeem(fourth), false, "nor by a clock that went back");
});

Deno.test("wrong codes are refused, and limited as refusals are; the right one is let in", async () => {
  const code = codeAt({ ms: 0 });
  const upstream = upstreamTo({ url: closedPort() }, code);
  const text = code.make();
  for (let attempt = 0; attempt < 20; attempt++) {
    await assert.rejects(upstream.admit("wrong", from), isError("operator_required"));
  }
  await assert.rejects(upstream.admit("wrong", from), isError("rate_limited"));
  assert.equal((await upstream.admit(text, from)).role, "operator");
});

Deno.test("whoever has a reader's key gets a page that only reads", async () => {
  const code = codeAt({ ms: 0 });
  const authorize = () => Promise.resolve({ apikey: readerKey });
  const upstream = upstreamTo({ url: closedPort(), authorize }, code);
  assert.equal((await upstream.admit(code.make(), from)).role, "reader");
});

Deno.test("a request goes to the server as it is, with the credential, and its refusal comes back as it is", async () => {
  using server = startFaultServer(() => ({
    status: 409,
    body: `{"error":"conflict"}`,
    headers: { "retry-after": "7" },
  }));
  const reply = await askWith(upstreamTo({ url: server.url }), "PATCH", `{"name":"x"}`);
  const [caught] = server.caught;
  assert.deepEqual([caught?.method, caught?.path, caught?.body], [
    "PATCH",
    "/functions/v1/agents?q=a+b&label=x%3Ay",
    `{"name":"x"}`,
  ]);
  assert.match(caught?.headers ?? "", /^apikey: sb_secret_x$/im);
  assert.deepEqual([reply.status, reply.headers["retry-after"]], [409, "7"]);
  assert.equal(new TextDecoder().decode(Object(reply.body)), `{"error":"conflict"}`);
});

const faults: [what: string, answer: Answer][] = [
  ["redirects", () => ({ status: 302, body: "", headers: { location: "http://evil.example/" } })],
  ["cuts its reply off", () => "cut"],
  ["answers garbage", () => "garbage"],
];
for (const [what, answer] of faults) {
  Deno.test(`a server that ${what} → unavailable, and nobody else is asked`, async () => {
    using server = startFaultServer(answer);
    await assert.rejects(askWith(upstreamTo({ url: server.url })), isError("unavailable"));
  });
}

Deno.test("a server that is away → unavailable", async () => {
  await assert.rejects(askWith(upstreamTo({ url: closedPort() })), isError("unavailable"));
});

Deno.test("a login that the server does not take any more is renewed, once", async () => {
  let renewed = 0;
  using server = startFaultServer((_, index) => ({ status: index === 1 ? 200 : 401, body: "{}" }));
  const renew = () => Promise.resolve(void (renewed += 1));
  const upstream = upstreamTo({ url: server.url, renew });
  assert.equal((await askWith(upstream)).status, 200);
  assert.deepEqual([renewed, server.caught.length], [1, 2]);
  assert.equal((await askWith(upstream)).status, 401);
  assert.deepEqual([renewed, server.caught.length], [2, 4]);
});

Deno.test("a login that somebody ended meanwhile → operator_required; one that nobody can renew now → unavailable", async () => {
  for (const [failure, code] of [["refused", "operator_required"], ["unreachable", "unavailable"]] as const) {
    const authorize = () =>
      Promise.reject(new CliError(failure, "Cannot go on: somebody logged out meanwhile"));
    await assert.rejects(askWith(upstreamTo({ url: closedPort(), authorize })), isError(code));
  }
});
