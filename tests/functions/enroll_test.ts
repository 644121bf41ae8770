import assert from "node:assert/strict";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { endpoint } from "../../supabase/functions/enroll/routes.ts";
import { agent, agentId, ask, secret, type TestBackend, testBackend } from "../_support/backend.ts";
import { assertError, type Reply } from "../_support/client.ts";
import { agentSecret, enrollmentCode, readerKey } from "../_support/vectors.ts";
import { assertPartly } from "../_support/partly.ts";
import { refused } from "./_hostile.ts";
import { resources } from "./_resources.ts";

const host = enrollmentCode.slice(4, 47);
const good = { code: enrollmentCode, enrollment_id: host };
const report = { ...good, step: "download", failed: false };
const refusing = {
  enrollments: { enroll: () => Promise.resolve(null), recordProgress: () => Promise.resolve(false) },
};

function post(
  backend: TestBackend,
  fields: unknown,
  { rest = "", address = "192.0.2.1" } = {},
): Promise<Reply> {
  return ask(endpoint, backend, { method: "POST", rest, address, body: JSON.stringify(fields) });
}

Deno.test("POST /enroll shows the agent's secret, and the database gets digests only", async () => {
  const backend = await testBackend();
  const client = { hostname: "web-1", version: "1", os: "linux", arch: "x64", supports: ["rotate"] };
  const reply = await post(backend, { ...good, client });
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body, { agent: { id: agentId, name: agent.name }, agent_secret: secret });
  const args = [
    {
      codeDigest: digestSecret(enrollmentCode),
      hostDigest: digestSecret(host),
      address: "192.0.2.1",
    },
    { secretDigest: digestSecret(secret), hostname: "web-1", ownerLimit: 1000 },
  ];
  assert.deepEqual(backend.calls, [{ name: "enrollments.enroll", args }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"agent enrolled"')));
  for (const needle of ["ocs_", "oce_", host]) {
    assert.ok(backend.lines.every((line) => !line.includes(needle)), backend.lines.join("\n"));
  }
});

const hostnames: [what: string, hostname: string | undefined, taken: string | null][] = [
  ["no hostname", undefined, null],
  ["spaces around it", "  web-1 ", "web-1"],
  ["only spaces", "   ", null],
  ["controls of the direction of writing", "\u202eweb\u2066-1\u200f", "web-1"],
  ["separators of lines and paragraphs", "web\u2028-\u20291", "web-1"],
  ["only such controls and spaces", "\u202e \u200f", null],
  ["255 characters", "🚀".repeat(255), "🚀".repeat(100)],
];
for (const [what, hostname, taken] of hostnames) {
  Deno.test(`POST /enroll of a host with ${what} → the name that an agent may have`, async () => {
    const backend = await testBackend();
    const reply = await post(backend, { ...good, client: hostname === undefined ? {} : { hostname } });
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
    assertPartly(backend.calls, [{ args: [{}, { hostname: taken }] }]);
  });
}

const bad: [what: string, fields: Record<string, unknown>, names: string][] = [
  ["no code", { code: undefined }, "code"],
  ["a code that is a number", { code: 1 }, "code"],
  ["a mistyped code", { code: `${enrollmentCode.slice(0, -1)}x` }, "code"],
  ["a cut code", { code: enrollmentCode.slice(0, 40) }, "code"],
  ["an agent's secret for the code", { code: agentSecret }, "code"],
  ["a reader's key for the code", { code: readerKey }, "code"],
  ["no enrollment_id", { enrollment_id: undefined }, "enrollment_id"],
  ["an enrollment_id that is a list", { enrollment_id: [host] }, "enrollment_id"],
  ["an enrollment_id of 42 characters", { enrollment_id: host.slice(1) }, "enrollment_id"],
  ["an enrollment_id of 44 characters", { enrollment_id: `${host}A` }, "enrollment_id"],
  ["an enrollment_id that is no base64url", { enrollment_id: `+${host.slice(1)}` }, "enrollment_id"],
];
const badClients: [what: string, fields: Record<string, unknown>, names: string][] = [
  ["a client that is a text", { client: "curl" }, "client"],
  ["a hostname with a line feed", { client: { hostname: "a\nb" } }, "client.hostname"],
  ["a hostname of 256 characters", { client: { hostname: "x".repeat(256) } }, "client.hostname"],
];
const badReports: [what: string, fields: Record<string, unknown>, names: string][] = [
  ["no step", { step: undefined }, "step"],
  ["an empty step", { step: "" }, "step"],
  ["a step in capitals", { step: "Download" }, "step"],
  ["a step of 33 characters", { step: "a".repeat(33) }, "step"],
  ["a step with a line feed", { step: "a\n" }, "step"],
  ["no failed", { failed: undefined }, "failed"],
  ["failed as a text", { failed: "true" }, "failed"],
  ["a detail of 501 characters", { detail: "x".repeat(501) }, "detail"],
  ["a detail with an escape", { detail: "\u001b[31m" }, "detail"],
  ["a detail that is null", { detail: null }, "detail"],
];
for (
  const [name, sent, cases] of [
    ["POST /enroll", good, [...bad, ...badClients]],
    ["POST /enroll/progress", report, [...bad, ...badReports]],
  ] as const
) {
  const route = resources.find((one) => one.name === name);
  for (const [what, fields, names] of cases) {
    Deno.test(`${name} with ${what} → invalid_request that names it, and the database is not asked`, async () => {
      assert.ok(route !== undefined);
      const body = JSON.stringify({ ...sent, ...fields });
      const reply = await refused(route, { body }, ["invalid_request", 400]);
      const description = String(reply.body.error_description);
      assert.ok(description.includes(`"${names}"`), description);
      for (const secret of [enrollmentCode, agentSecret, readerKey, host]) {
        assert.ok(!description.includes(secret.slice(4, 40)), description);
      }
    });
  }

  Deno.test(`${name} with a code that is not good → invalid_credentials, counted, and one call of the database`, async () => {
    const backend = await testBackend(refusing);
    const reply = await post(backend, sent, { rest: route?.rest ?? "" });
    assertError(reply, "invalid_credentials", 401);
    assert.equal(backend.calls.length, 1);
    assert.equal(backend.refusals.size, 1);
  });

  Deno.test(`${name}, refused 20 times from one address → rate_limited, there only, and a good code is taken`, async () => {
    const backend = await testBackend(refusing);
    const rest = route?.rest ?? "";
    for (let count = 0; count < 20; count++) {
      assertError(await post(backend, sent, { rest }), "invalid_credentials", 401);
    }
    const limited = await post(backend, sent, { rest });
    assertError(limited, "rate_limited", 429);
    assert.equal(limited.headers.get("retry-after"), "1");
    assertError(await post(backend, sent, { rest, address: "192.0.2.2" }), "invalid_credentials", 401);
    const { refusals } = backend;
    const taking = { ...await testBackend(), refusals };
    assert.equal((await post(taking, sent, { rest })).status, route?.status);
  });
}

Deno.test("POST /enroll past the owner's limit → conflict, which is no refusal", async () => {
  const backend = await testBackend({ enrollments: { enroll: () => Promise.resolve("owner_limit") } });
  assertError(await post(backend, good), "conflict", 409);
  assert.equal(backend.refusals.size, 0);
});

Deno.test("POST /enroll/progress answers 204 without a body, and hands on what was said", async () => {
  const backend = await testBackend();
  const reply = await post(backend, { ...report, failed: true, detail: "no room" }, { rest: "/progress" });
  assert.equal(reply.status, 204);
  assert.deepEqual(reply.body, {});
  const expected = { step: "download", failed: true, detail: "no room" };
  assert.deepEqual(backend.calls.map(({ args }) => args[1]), [expected]);
});

Deno.test("where the platform tells no address, none is handed on", async () => {
  const backend = await testBackend();
  await post(backend, good, { address: "" });
  assertPartly(backend.calls, [{ args: [{ address: null }] }]);
});
