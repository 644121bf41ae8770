import assert from "node:assert/strict";
import { fakeAgent, hasKey, operatorKey, startFakeFleet } from "../../_support/fake_fleet.ts";
import { ours } from "../../_support/fault_server.ts";
import { closedPort } from "../../_support/port.ts";
import { run, start } from "../../_support/program.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { until } from "../../_support/wait.ts";

/** Starts the command against a server, and takes the address that it prints. */
async function startDashboard(url: string, home: string) {
  const env = { OPENCLAW_OPERATOR_KEY: operatorKey };
  const program = start(["dashboard", "--no-open", "--url", url], { home, env });
  const [, origin = "", code = ""] = await until(
    "the address",
    () => /^(http:\/\/127\.0\.0\.1:\d+)\/#code=([\w-]{43})\n/.exec(program.output.stdout),
  );
  return { program, origin, code };
}

async function enter(origin: string, code: string): Promise<{ status: number; cookie: string }> {
  const reply = await fetch(`${origin}/page/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin },
    body: new URLSearchParams({ code }),
  });
  await reply.body?.cancel();
  return { status: reply.status, cookie: reply.headers.get("set-cookie")?.split(";")[0] ?? "" };
}

Deno.test("openclaw dashboard shows a server's fleet to whoever brings the code, once, and to nobody else", async () => {
  await using home = await temporaryFolder();
  using fleet = startFakeFleet([fakeAgent(1)], {
    instead: ({ path }) => path.includes("/v1/incidents") ? ours({ incidents: [], next_cursor: null }) : null,
  });
  const { program, origin, code } = await startDashboard(fleet.url, home.path);
  await using _ = program;
  const asked = fleet.caught.length;
  for (
    const path of [
      "/page/api/agents",
      "/page/stream",
      "/page/api/agents/map",
      "/functions/v1/agents",
      "/agents",
    ]
  ) {
    const { status } = await fetch(`${origin}${path}`, { headers: { apikey: operatorKey } });
    assert.ok(status === 401 || status === 404, `${path} ${status}`);
  }
  const login = await (await fetch(origin, { headers: { accept: "text/html" } })).text();
  assert.match(login, /name="code"/);
  assert.equal((await enter(origin, "A".repeat(43))).status, 401);
  assert.equal(fleet.caught.length, asked, "the server was asked nothing for any of these");

  const { status, cookie } = await enter(origin, code);
  assert.equal(status, 303);
  assert.equal((await enter(origin, code)).status, 401, "the code is good once");
  const page = await (await fetch(origin, { headers: { accept: "text/html", cookie } })).text();
  assert.match(page, /"role":"operator"/);
  assert.ok(page.includes(`"url":"${fleet.url}"`));
  const agents = await fetch(`${origin}/page/api/agents?limit=1`, { headers: { cookie } });
  assert.equal((await agents.json()).agents[0].name, fakeAgent(1).name);
  assert.ok(fleet.caught.every(hasKey));
  const acted = fleet.caught.length;
  const act = await fetch(`${origin}/page/api/agents/${fakeAgent(1).id}/revoke`, {
    method: "POST",
    headers: { cookie, origin: "http://evil.example" },
  });
  assert.equal(act.status, 403);
  await act.body?.cancel();
  assert.equal(fleet.caught.length, acted);

  program.kill("SIGTERM");
  const ended = await program.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal((ended.stdout + ended.stderr).includes(operatorKey), false);
});

Deno.test("openclaw dashboard of a server that does not answer → 6, and nothing is served", async () => {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_OPERATOR_KEY: operatorKey };
  const { code, stdout, stderr } = await run(["dashboard", "--no-open", "--url", closedPort()], {
    home: home.path,
    env,
  });
  assert.deepEqual([code, stdout], [6, ""], stderr);
  assert.match(stderr, /^error: Cannot reach the server/);
});

Deno.test("openclaw dashboard without a credential → 2", async () => {
  await using home = await temporaryFolder();
  const { code, stdout, stderr } = await run(["dashboard", "--url", closedPort()], { home: home.path });
  assert.deepEqual([code, stdout], [2, ""], stderr);
});
