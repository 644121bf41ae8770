import assert from "node:assert/strict";
import {
  fakeEnrollment,
  type FakeService,
  refusal,
  startFakeService,
} from "../../../_support/fake_service.ts";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { showTerminal, terminal } from "../../../_support/terminal.ts";
import { testWith } from "../../../_support/tools.ts";
import { enrollmentCode } from "../../../_support/vectors.ts";

const id = "00000000-0000-4000-8000-0000000000e1";

async function enrollments(service: FakeService, args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  return await runInSession(["enrollments", ...args], { home: home.path, env: service.env });
}

Deno.test("openclaw enrollments create prints the code on the first line, and a line with it for each shell", async () => {
  await using service = startFakeService({ publicUrl: "https://fleet.example" });
  const flags = [
    "--uses",
    "40",
    "--expires-in",
    "2h",
    "--agent-name",
    "web {hostname}",
    "--label",
    "role:web",
  ];
  const { code, stdout, stderr } = await enrollments(service, ["create", ...flags, "--interval", "30s"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(service.asked[0]?.body, {
    uses: 40,
    expires_in: 7200,
    name: "web {hostname}",
    labels: { role: "web" },
    heartbeat_interval_seconds: 30,
  });
  const [secret = "?"] = service.issued;
  const lines = stdout.split("\n");
  assert.equal(lines[0], secret);
  assert.deepEqual(lines.filter((line) => line.startsWith("# ")), [
    "# bash, zsh, sh",
    "# PowerShell",
    "# Python",
  ]);
  assert.equal(
    lines.filter((line) => line.includes(secret) && line.includes("https://fleet.example/")).length,
    3,
  );
  assert.match(stderr, new RegExp(`good for 40 hosts until 2126-11-23T13:00:00Z; its id is ${id}`));
  assert.ok(!stderr.includes(secret));
});

Deno.test("openclaw enrollments create sends only what was given, and --json is one object", async () => {
  await using service = startFakeService();
  const { code, stdout, stderr } = await enrollments(service, ["create", "--json"]);
  assert.deepEqual([code, stderr, service.asked[0]?.body], [0, "", {}]);
  const { enrollment, code: secret } = JSON.parse(stdout);
  assert.deepEqual([enrollment.id, secret], [id, service.issued[0]]);
});

Deno.test("a code that is not one never gets into a line that is pasted into a shell", async () => {
  await using service = startFakeService();
  service.intercept = async ({ path, method }) => {
    if (method !== "POST" || path !== "enrollments") return undefined;
    const created = { enrollment: fakeEnrollment(), code: "oce_$(touch owned)" };
    return await Promise.resolve(Response.json(created, { status: 201 }));
  };
  assertRefused(
    await enrollments(service, ["create"]),
    1,
    /the code that the server sent: it is not well-formed/,
  );
});

const wrong: { args: string[]; says: RegExp }[] = [
  { args: ["create", "--uses", "0"], says: /Expected a whole number, 1 to 10000/ },
  { args: ["create", "--uses", "many"], says: /Expected a whole number/ },
  { args: ["create", "--expires-in", "59s"], says: /Expected 1m to 30d/ },
  { args: ["create", "--expires-in", "31d"], says: /Expected 1m to 30d/ },
  { args: ["create", "--agent-name", "a\u001bb"], says: /a character that a terminal would act on/ },
  { args: ["create", "--label", "web"], says: /Expected key:value/ },
  {
    args: ["show", enrollmentCode],
    says: /its id is expected, a UUID, and not its code/,
  },
  { args: ["revoke", "x"], says: /its id is expected/ },
  { args: ["revoke", id], says: /Cannot end the code of the enrollment \S+: nobody can be asked/ },
  { args: ["show"], says: /missing required argument 'id'/ },
];
for (const { args, says } of wrong) {
  Deno.test(`openclaw enrollments ${JSON.stringify(args)} → usage, nothing is done, and no code is repeated`, async () => {
    await using service = startFakeService();
    const result = await enrollments(service, args);
    assertRefused(result, 2, says);
    assert.ok(!result.stderr.includes("oce_A"), result.stderr);
    assert.deepEqual(service.acts(), []);
  });
}

Deno.test("openclaw enrollments list and show are tables without a code, cleaned of what a terminal acts on", async () => {
  await using service = startFakeService();
  const list = await enrollments(service, ["list"]);
  assert.match(
    list.stdout,
    /^ID +USED +STATE +EXPIRES +NAME.*\n0\S+e1 +0 of 1 +good +2126-11-23T13:00:00Z +\{hostname\}/,
  );
  const show = await enrollments(service, ["show", id.toUpperCase()]);
  assert.equal(show.code, 0, show.stderr);
  assert.match(show.stdout, /^a\?\[2Jb +192\.0\.2\.7 +download +failed +2026-11-23T12:00:00Z +no disk$/m);
  const { enrollment, hosts } = JSON.parse((await enrollments(service, ["show", id, "--json"])).stdout);
  assert.deepEqual([enrollment.id, hosts.length], [id, 1]);
});

Deno.test("openclaw enrollments revoke --yes ends it, and an unknown one is not found", async () => {
  await using service = startFakeService();
  const { code, stderr } = await enrollments(service, ["revoke", id, "--yes"]);
  assert.deepEqual([code, service.acts()], [0, [`POST enrollments/${id}/revoke`]], stderr);
  service.intercept = () => refusal("not_found", 404);
  assertRefused(await enrollments(service, ["show", id]), 4, /not_found/);
});

testWith(terminal, "openclaw enrollments revoke on a terminal asks first", async () => {
  await using service = startFakeService();
  await using home = await temporaryFolder();
  const { program, args } = openclaw(["enrollments", "revoke", id]);
  const question = "End the code of the enrollment";
  for (const [key, code, acts] of [["n", 2, 0], ["y", 0, 1]] as const) {
    const answers: [string, string][] = [[question, key]];
    const ended = await showTerminal([program, ...args], { answers, home: home.path, env: service.env });
    assert.deepEqual([ended.code, service.acts().length], [code, acts], ended.shown);
  }
});
