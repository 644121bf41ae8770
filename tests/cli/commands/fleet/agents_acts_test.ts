import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type FakeAgent,
  type FakeService,
  refusal,
  startFakeService,
} from "../../../_support/fake_service.ts";
import { emptyPage } from "../../../_support/fake_fleet.ts";
import { namesIn } from "../../../_support/home.ts";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";

const unknownId = "00000000-0000-4000-8000-00000000ffff";

async function agents(service: FakeService, args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  return await runInSession(["agents", ...args], { home: home.path, env: service.env });
}

/** A fleet of five, of which two share a name. */
function five(options: { pageSize?: number } = {}): { service: FakeService; rows: FakeAgent[] } {
  const service = startFakeService(options);
  const labels = { role: "web" };
  const rows = [
    service.add("web-1", { labels }),
    service.add("twin", { labels }),
    service.add("twin"),
    service.add("db-1"),
    service.add("web-11", { labels: { role: "web", rack: "4" } }),
  ];
  return { service, rows };
}

const revoked = { revoked_at: "2026-11-23T12:00:00Z", liveness: "revoked" };

const simple: [act: string, flags: string[], method: string, path: string][] = [
  ["revoke", [], "POST", "/revoke"],
  ["restore", [], "POST", "/restore"],
  ["end-sessions", [], "POST", "/end-sessions"],
  ["delete", ["--yes"], "DELETE", ""],
  ["rotate", ["--request"], "POST", "/request-rotation"],
];
for (const [act, flags, method, path] of simple) {
  Deno.test(`openclaw agents ${act} does so to the agent of exactly that name, and to no other`, async () => {
    const { service, rows } = five();
    await using _ = service;
    if (act === "restore") Object.assign(rows[0] ?? {}, revoked);
    const { code, stdout, stderr } = await agents(service, [act, "web-1", ...flags]);
    assert.deepEqual([code, stdout], [0, ""], stderr);
    assert.deepEqual(service.acts(), [`${method} agents/${rows[0]?.id}${path}`]);
    assert.ok(stderr.includes(`"web-1" (${rows[0]?.id})`), stderr);
  });

  Deno.test(`openclaw agents ${act} with an id in upper case, and --json → the Agent after it`, async () => {
    const { service, rows } = five();
    await using _ = service;
    const id = rows[1]?.id ?? "";
    const { code, stdout, stderr } = await agents(service, [act, id.toUpperCase(), "--json", ...flags]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(JSON.parse(stdout).id, id);
    assert.deepEqual(service.acts(), [`${method} agents/${id}${path}`]);
  });
}

Deno.test("openclaw agents delete sends the agent's name along", async () => {
  const { service } = five();
  await using _ = service;
  await agents(service, ["delete", "web-1", "--yes"]);
  assert.equal(service.asked.at(-1)?.query.get("name"), "web-1");
  assert.equal(service.agents.size, 4);
});

Deno.test("openclaw agents restore says that the agent asks again by itself, and what hastens it", async () => {
  const { service, rows } = five();
  await using _ = service;
  Object.assign(rows[0] ?? {}, revoked);
  const { stderr } = await agents(service, ["restore", "web-1"]);
  assert.match(stderr, /asks again by itself, within 72 minutes; to hasten it, restart it/);
});

Deno.test("openclaw agents restore of an agent that is not revoked says so, and asks for nothing", async () => {
  const { service, rows } = five();
  await using _ = service;
  const one = await agents(service, ["restore", "web-1"]);
  assert.deepEqual([one.code, one.stderr], [0, `"web-1" (${rows[0]?.id}) is not revoked: nothing changes\n`]);
  Object.assign(rows[3] ?? {}, revoked);
  const two = await agents(service, ["restore", "web-1", "db-1"]);
  assert.match(two.stderr, /"web-1" \(\S+\) is not revoked: nothing changes\nrestored 1 agent\n/);
  assert.deepEqual(service.acts(), [`POST agents/${rows[3]?.id}/restore`]);
});

const wrong: { args: string[]; code: number; says: RegExp }[] = [
  { args: ["revoke", "nobody"], code: 4, says: /Cannot find the agent "nobody": no agent has this name/ },
  { args: ["revoke", "WEB-1"], code: 4, says: /no agent has this name/ },
  { args: ["revoke", "a\u001b[2Jb"], code: 4, says: /the agent "a\?\[2Jb": no agent has this name/ },
  { args: ["revoke", ""], code: 4, says: /the agent "": no agent has this name/ },
  { args: ["revoke", unknownId], code: 4, says: /not_found/ },
  { args: ["revoke", "web-1", "nobody"], code: 4, says: /no agent has this name/ },
  { args: ["revoke", "twin"], code: 5, says: /2 have this name: 0\S+2, 0\S+3\n/ },
  { args: ["show", "twin"], code: 5, says: /2 have this name/ },
  { args: ["rotate", "twin"], code: 5, says: /2 have this name/ },
  { args: ["delete", "twin", "--yes"], code: 5, says: /2 have this name/ },
  { args: ["revoke"], code: 2, says: /no agent is named/ },
  { args: ["revoke", "web-1", "--all"], code: 2, says: /exclude each other/ },
  { args: ["revoke", "--label", "role:web", "--all"], code: 2, says: /exclude each other/ },
  { args: ["revoke", "--label", "a=b"], code: 2, says: /Expected key or key:value/ },
  {
    args: ["revoke", "--label", "none"],
    code: 4,
    says: /Cannot find an agent with the label none: there is none/,
  },
  { args: ["restore", "--all"], code: 4, says: /Cannot find an agent that is revoked: there is none/ },
  { args: ["revoke", "--all"], code: 2, says: /Cannot revoke 5 agents: nobody can be asked/ },
  {
    args: ["end-sessions", "--all"],
    code: 2,
    says: /Cannot end the sessions of 5 agents: nobody can be asked/,
  },
  { args: ["delete", "web-1"], code: 2, says: /Cannot delete "web-1" \(\S+\): nobody can be asked/ },
  { args: ["rotate", "web-1", "--leaked"], code: 2, says: /all sessions at once: nobody can be asked/ },
  { args: ["rotate", "web-1", "--overlap", "0"], code: 2, says: /all sessions at once: nobody can be asked/ },
  { args: ["rotate", "--all"], code: 2, says: /Cannot rotate the secrets of 5 agents: nobody can be asked/ },
  { args: ["rotate", "web-1", "--leaked", "--overlap", "1h"], code: 2, says: /--leaked ends .* at once/ },
  { args: ["rotate", "web-1", "--request", "--output", "x"], code: 2, says: /with --request/ },
  { args: ["rotate", "web-1", "--overlap", "8d"], code: 2, says: /Expected 0s to 7d/ },
  { args: ["edit", "web-1"], code: 2, says: /nothing to change is given/ },
  { args: ["edit", "--all", "--rename", "x"], code: 2, says: /Cannot call 5 agents by one name/ },
  {
    args: ["edit", "web-1", "--rename", "a\u202eb"],
    code: 2,
    says: /a character that a terminal would act on/,
  },
  { args: ["mute", "web-1"], code: 2, says: /exactly one of --for, --until and --off/ },
  { args: ["mute", "web-1", "--for", "2h", "--off"], code: 2, says: /exactly one of/ },
  {
    args: ["mute", "web-1", "--until", "2020-01-01T00:00Z"],
    code: 2,
    says: /until 2020-01-01T00:00:00.000Z: that is over/,
  },
  { args: ["mute", "web-1", "--until", "tomorrow"], code: 2, says: /Expected a time such as/ },
  { args: ["adopt", "web-1"], code: 4, says: /Cannot find a copy of "web-1" \(\S+\): none was seen/ },
  { args: ["events", "nobody"], code: 4, says: /no agent has this name/ },
];
for (const { args, code, says } of wrong) {
  Deno.test(`openclaw agents ${JSON.stringify(args)} → exit code ${code}, and nothing is done to any agent`, async () => {
    const { service } = five({ pageSize: 2 });
    await using _ = service;
    assertRefused(await agents(service, args), code, says);
    assert.deepEqual(service.acts(), []);
  });
}

Deno.test("acts on many go by pages of created_at, and reach each agent with the label once", async () => {
  const { service, rows } = five({ pageSize: 2 });
  await using _ = service;
  const { code, stderr } = await agents(service, ["revoke", "--label", "role:web", "--yes"]);
  assert.deepEqual([code, stderr], [0, "revoked 3 agents\n"]);
  const ids = [rows[0], rows[1], rows[4]].map((row) => `POST agents/${row?.id}/revoke`);
  assert.deepEqual(service.acts().toSorted(), ids);
  const sorts = service.asked.filter(({ path }) => path === "agents").map(({ query }) => query.get("sort"));
  assert.deepEqual(sorts, ["created_at", "created_at"]);
});

Deno.test("openclaw agents restore --all is about revoked agents only", async () => {
  const { service, rows } = five();
  await using _ = service;
  Object.assign(rows[3] ?? {}, { liveness: "revoked", revoked_at: "2026-11-23T12:00:00Z" });
  const { code } = await agents(service, ["restore", "--all"]);
  assert.equal(code, 0);
  assert.deepEqual(service.acts(), [`POST agents/${rows[3]?.id}/restore`]);
});

Deno.test("of many, a failure is told and counted, the others go on, and the exit code is that failure's", async () => {
  const { service, rows } = five();
  await using _ = service;
  service.intercept = ({ path }) =>
    path === `agents/${rows[1]?.id}/request-rotation` ? refusal("conflict", 409) : undefined;
  const { code, stderr } = await agents(service, ["rotate", "--all", "--request"]);
  assert.equal(code, 5, stderr);
  assert.ok(
    stderr.includes(`cannot ask for a rotation of "twin" (${rows[1]?.id}): Cannot do it: conflict\n`),
    stderr,
  );
  assert.match(stderr, /^asked for a rotation of 4 agents, 1 failed$/m);
  assert.equal(service.acts().length, 5);
});

Deno.test("of many, --json tells which were done, which failed and why", async () => {
  const { service, rows } = five();
  await using _ = service;
  service.intercept = ({ path }) =>
    path === `agents/${rows[1]?.id}/revoke` ? refusal("not_found", 404) : undefined;
  const { code, stdout, stderr } = await agents(service, ["revoke", "--all", "--yes", "--json"]);
  assert.deepEqual([code, stderr], [4, ""]);
  const { agents: done, failed, not_tried } = JSON.parse(stdout);
  assert.deepEqual([done.length, not_tried], [4, 0]);
  const [{ id, name, error, exit_code }] = failed;
  assert.deepEqual([failed.length, id, name, error, exit_code], [1, rows[1]?.id, "twin", "notFound", 4]);
});

Deno.test("the server gone in the middle of many: the rest is not tried, and the exit code says unreachable", async () => {
  await using service = startFakeService();
  for (let number = 0; number < 40; number++) service.add(`web-${number}`);
  let done = 0;
  service.intercept = ({ method }) =>
    method === "POST" && ++done > 10 ? refusal("unavailable", 503) : undefined;
  const { code, stderr } = await agents(service, ["revoke", "--all", "--yes"]);
  assert.equal(code, 6, stderr);
  const [, revoked, failed, untried] =
    /^revoked (\d+) agents, (\d+) failed, (\d+) not tried$/m.exec(stderr) ?? [];
  assert.equal(Number(revoked), 10);
  assert.equal(10 + Number(failed) + Number(untried), 40);
  // Those that were under way already, and no more.
  assert.ok(Number(failed) <= 8, stderr);
});

Deno.test("a list whose pages never end is not followed for ever", async () => {
  const { service } = five();
  await using _ = service;
  service.intercept = ({ path }) =>
    path === "agents" ? Response.json({ ...emptyPage, next_cursor: "x" }) : undefined;
  const { code, stderr } = await agents(service, ["revoke", "--all", "--yes"]);
  assert.equal(code, 1);
  assert.match(stderr, /the same page for ever/);
});

Deno.test("a reader's key, or a wrong one, acts on nothing", async () => {
  const { service } = five();
  await using _ = service;
  service.intercept = ({ method }) => method === "POST" ? refusal("forbidden", 403) : undefined;
  assertRefused(await agents(service, ["revoke", "web-1"]), 3, /forbidden/);
  service.env.OPENCLAW_OPERATOR_KEY = `sb_secret_${"x".repeat(24)}`;
  service.intercept = () => undefined;
  assertRefused(await agents(service, ["revoke", "web-1"]), 3, /operator_required/);
});

Deno.test("openclaw agents edit keeps the labels that are not named, and sends nothing that was not given", async () => {
  const { service, rows } = five();
  await using _ = service;
  const flags = ["--set-label", "tier:a:b", "--remove-label", "role", "--progress-deadline", "none"];
  const { code, stderr } = await agents(service, ["edit", "web-11", ...flags]);
  assert.equal(code, 0, stderr);
  const { method, path, body } = service.asked.at(-1) ?? assert.fail();
  assert.deepEqual([method, path], ["PATCH", `agents/${rows[4]?.id}`]);
  assert.deepEqual(body, { labels: { rack: "4", tier: "a:b" }, progress_deadline_seconds: null });
  await agents(service, ["edit", "web-1", "--rename", "web-01", "--interval", "2m"]);
  assert.deepEqual(service.asked.at(-1)?.body, { name: "web-01", heartbeat_interval_seconds: 120 });
});

Deno.test("openclaw agents mute --for, --until and --off send the time in UTC, or null", async () => {
  const { service } = five();
  await using _ = service;
  const before = Date.now();
  await agents(service, ["mute", "web-1", "--for", "2h"]);
  const until = Date.parse(String(service.asked.at(-1)?.body.muted_until));
  assert.ok(until >= before - 1000 + 7_200_000 && until <= Date.now() + 7_200_000, String(until));
  await agents(service, ["mute", "web-1", "--until", "2126-12-01T08:00+01:00"]);
  assert.equal(service.asked.at(-1)?.body.muted_until, "2126-12-01T07:00:00Z");
  await agents(service, ["mute", "--label", "role", "--off"]);
  const last = service.asked.filter(({ method }) => method === "PATCH").slice(-3).map(({ body }) => body);
  assert.deepEqual(last, [{ muted_until: null }, { muted_until: null }, { muted_until: null }]);
});

Deno.test("openclaw agents rotate shows the new secret once, and how it gets to the host", async () => {
  const { service, rows } = five();
  await using _ = service;
  const { code, stdout, stderr } = await agents(service, ["rotate", "web-1", "--overlap", "30m"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(service.asked.findLast(({ method }) => method === "POST")?.body, {
    overlap_seconds: 1800,
  });
  assert.equal(stdout.split(service.issued[0] ?? "?").length, 2, stdout);
  assert.ok(!stderr.includes("ocs_"), stderr);
  assert.match(stderr, /the secret before is good until 2026-11-23T13:00:00Z: bring the new one/);
  assert.match(stderr, new RegExp(`openclaw-agent configure --url \\S+ --agent-id ${rows[0]?.id}`));
});

Deno.test("openclaw agents rotate --leaked --yes ends the secret before at once, and says so", async () => {
  const { service } = five();
  await using _ = service;
  const { code, stderr } = await agents(service, ["rotate", "web-1", "--leaked", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(service.asked.findLast(({ method }) => method === "POST")?.body, { overlap_seconds: 0 });
  assert.match(stderr, /all sessions, have ended: the agent is out until its host has the new one/);
});

Deno.test("openclaw agents rotate --all --output writes a file for each, also where two share a name", async () => {
  const { service, rows } = five();
  await using _ = service;
  await using home = await temporaryFolder();
  const args = ["agents", "rotate", "--all", "--yes", "--output", "made", "--installer", "python"];
  const { code, stdout, stderr } = await runInSession(args, { home: home.path, env: service.env });
  assert.deepEqual([code, stdout], [0, ""], stderr);
  const files = ["db-1.py", ...rows.slice(1, 3).map(({ id }) => `twin-${id}.py`), "web-1.py", "web-11.py"];
  assert.deepEqual(await namesIn(join(home.path, "made")), files);
  for (const [index, { name, id }] of rows.entries()) {
    const path = join(home.path, "made", name === "twin" ? `twin-${id}.py` : `${name}.py`);
    assert.ok((await Deno.readTextFile(path)).includes(service.issued[index] ?? "?"), path);
  }
});

Deno.test("openclaw agents rotate whose installer cannot be written says that the new secret is lost, and until when the old one is good", async () => {
  const { service } = five();
  await using _ = service;
  await using home = await temporaryFolder();
  service.intercept = async ({ path }) => {
    if (path.endsWith("/rotate-secret")) await Deno.mkdir(join(home.path, "made", "web-1.sh"));
    return undefined;
  };
  const args = ["agents", "rotate", "web-1", "--output", "made"];
  const { code, stderr } = await runInSession(args, { home: home.path, env: service.env });
  assert.equal(code, 5, stderr);
  assert.match(
    stderr,
    /its new secret is lost, and the one before is good until 2026-11-23T13:00:00Z\nhint: .*agents rotate /,
  );
  assert.deepEqual(await namesIn(join(home.path, "made")), ["web-1.sh"]);
});

const copy = {
  instance_id: "00000000-0000-4000-8000-0000000000c1",
  hostname: "clone\u001b]0;x",
  address: "192.0.2.9",
  last_seen_at: "2026-11-23T12:00:00Z",
};
for (const act of ["adopt", "revoke-copy"]) {
  Deno.test(`openclaw agents ${act} shows hostname and address first, and says that a thief looks the same`, async () => {
    await using service = startFakeService();
    const { id } = service.add("web-1", { copies: [copy] });
    const asked = await agents(service, [act, "web-1"]);
    assert.equal(asked.code, 2);
    assert.match(
      asked.stderr,
      /from "clone\?\]0;x", at 192\.0\.2\.9, last seen 2026-11-23T12:00:00Z\na thief .* looks the same/,
    );
    assert.deepEqual(service.acts(), []);
    const { code, stderr } = await agents(service, [act, "web-1", "--yes"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(service.acts(), [`POST agents/${id}/${act}`]);
    assert.deepEqual(service.asked.at(-1)?.body, { instance_id: copy.instance_id });
  });
}

Deno.test("openclaw agents adopt of one of two copies needs its instance, and takes it in either case", async () => {
  await using service = startFakeService();
  const other = { ...copy, instance_id: "00000000-0000-4000-8000-0000000000c2" };
  service.add("web-1", { copies: [copy, other] });
  assertRefused(await agents(service, ["adopt", "web-1", "--yes"]), 5, /there are 0\S+c1, 0\S+c2/);
  const upper = other.instance_id.toUpperCase();
  assert.equal((await agents(service, ["adopt", "web-1", upper, "--yes"])).code, 0);
  assert.deepEqual(service.asked.at(-1)?.body, { instance_id: other.instance_id });
});

Deno.test("openclaw agents show tells what is known, cleaned, and --json is the Agent", async () => {
  await using service = startFakeService();
  service.add("web-1", {
    hostname: "h\u001b[31m",
    message: "one\ntwo",
    copies: [copy],
    labels: { role: "web" },
  });
  const { code, stdout, stderr } = await agents(service, ["show", "web-1"]);
  assert.deepEqual([code, stderr], [0, ""]);
  // deno-lint-ignore no-control-regex -- what a terminal would act on is looked for
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f]/);
  for (
    const line of [
      /^message +one two$/m,
      /^labels +role:web$/m,
      /^host +h\?\[31m$/m,
      /^copy +0\S+c1 on clone/m,
    ]
  ) {
    assert.match(stdout, line);
  }
  const json = JSON.parse((await agents(service, ["show", "web-1", "--json"])).stdout);
  assert.deepEqual([json.name, json.copies.length, json.labels], ["web-1", 1, { role: "web" }]);
});

Deno.test("openclaw agents events is a table of the whole fleet, or of one agent, a deleted one by its id", async () => {
  await using service = startFakeService();
  const { id } = service.add("web-1");
  const all = await agents(service, ["events", "--kind", "revoked", "--limit", "3"]);
  assert.deepEqual([all.code, all.stderr], [0, ""]);
  assert.match(
    all.stdout,
    /^AT +AGENT +EVENT +BY +FROM +DETAIL\n2026-11-23T12:00:00Z +web\?\[31m-1 +revoked +secret:default/,
  );
  const { path, query } = service.asked.at(-1) ?? assert.fail();
  assert.deepEqual([path, query.get("kind"), query.get("limit")], ["events", "revoked", "3"]);
  const one = await agents(service, ["events", "web-1"]);
  assert.match(one.stdout, /^AT +EVENT +BY/);
  assert.equal(service.asked.at(-1)?.path, `agents/${id}/events`);
  const deleted = await agents(service, ["events", unknownId, "--json"]);
  assert.equal(JSON.parse(deleted.stdout).events[0].kind, "revoked");
  assert.deepEqual(service.asked.slice(-1).map((asked) => asked.path), [`agents/${unknownId}/events`]);
});
