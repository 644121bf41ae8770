import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { defineService } from "../../../cli/service/definition.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { installSteps, restartSteps, type Step } from "../../../cli/service/steps.ts";
import {
  accepts,
  beatsOf,
  type FaultServer,
  handshakesAndBeats,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import { writeManifest } from "../../_support/manifest.ts";
import { assertRefused } from "../../_support/refused.ts";
import { names, withSystemctl } from "../../_support/systemctl.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os !== "linux", fn });
}

/** What an installation has left, for the server at this URL; its service runs. */
async function pretendInstalled(home: string, url: string): Promise<ServiceLayout> {
  const layout = serviceLayout((name) => name === "HOME" ? home : undefined, {
    os: "linux",
    user: true,
    uid: 0,
  });
  for (const path of [layout.credentials, layout.unit]) await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(layout.credentials, formatCredentials({ url, agentId, secret }), { mode: 0o600 });
  await Deno.writeTextFile(layout.unit, defineService(layout));
  await writeManifest(layout);
  await Deno.writeTextFile(join(home, "bin/running"), "");
  return layout;
}

function stopsOf(server: FaultServer): unknown[] {
  return beatsOf(server).map(({ body }) => {
    const { status, back_in_seconds } = JSON.parse(body);
    return [status, back_in_seconds];
  });
}

test("openclaw service restart says, while the service is stopped, that the agent will be back in two minutes", () =>
  withSystemctl(async (home, service, asked) => {
    using server = startFaultServer(handshakesAndBeats(() => accepts(7)));
    const layout = await pretendInstalled(home, server.url);
    const files = await names(dirname(layout.credentials));
    const { code, stdout, stderr } = await service(["restart", "--user"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.deepEqual(stopsOf(server), [["stopping", 120]]);
    assert.match(stderr, /^run systemctl --user stop .*\ntell the server .*\nrun systemctl --user restart /m);
    assert.match(stderr, /^restarted .*openclaw-agent\.service: active \(user\)$/m);
    assert.match(
      await asked(),
      /--user stop openclaw-agent\.service\n--user restart openclaw-agent\.service/,
    );
    assert.deepEqual(await names(dirname(layout.credentials)), files);
    const told = await service(["restart", "--user", "--json"]);
    assert.deepEqual(JSON.parse(told.stdout), { running: true, unit: layout.unit });
  }));

const untold: [what: string, server: () => FaultServer, reason: RegExp][] = [
  ["refuses the agent", () => startFaultServer(() => refuses("invalid_credentials")), /invalid_credentials/],
  [
    "takes no beat",
    () => startFaultServer(handshakesAndBeats(() => refuses("session_revoked"))),
    /session_revoked/,
  ],
];
for (const [what, start, reason] of untold) {
  test(`openclaw service restart where the server ${what} warns, and starts the service`, () =>
    withSystemctl(async (home, service) => {
      using server = start();
      await pretendInstalled(home, server.url);
      const { code, stderr } = await service(["restart", "--user"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^warning: the server was not told that the agent will be back: ./m);
      assert.match(stderr, reason);
      assert.match(stderr, /^restarted .*active \(user\)$/m);
      assert.ok(!stderr.includes(secret), "it says the secret");
    }));
}

test("openclaw service restart where no server answers warns, and starts the service", () =>
  withSystemctl(async (home, service) => {
    // Nothing listens at the port of the discard service.
    await pretendInstalled(home, "http://127.0.0.1:9");
    const { code, stderr } = await service(["restart", "--user"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^warning: the server was not told that the agent will be back: ./m);
    assert.match(stderr, /^restarted .*active \(user\)$/m);
  }));

test("openclaw service restart of a service that was stopped announces nothing, and starts it", () =>
  withSystemctl(async (home, service) => {
    using server = startFaultServer(handshakesAndBeats(() => accepts(7)));
    await pretendInstalled(home, server.url);
    await Deno.remove(join(home, "bin/running"));
    assert.equal((await service(["restart", "--user"])).code, 0);
    assert.deepEqual(stopsOf(server), []);
  }));

test("openclaw service restart without a service → not found, and nothing is asked or started", () =>
  withSystemctl(async (home, service, asked) => {
    assertRefused(await service(["restart", "--user"]), 4, /Cannot restart the service: .* is not installed/);
    assert.equal(await asked(), "");
    assert.deepEqual(await names(home), ["asked", "bin"]);
  }));

for (const os of ["linux", "darwin", "windows"] as const) {
  const layout = serviceLayout(() => "/home/x", { os, user: true, uid: 1 });
  const told = (steps: Step[]): string[] =>
    steps.flatMap((step) =>
      step.do === "announce return"
        ? ["announce"]
        : step.do === "run"
        ? step.words.filter((word) => /^(stop|bootout|\/End|restart|bootstrap|\/Run)$/.test(word))
        : []
    );
  const stop = { linux: "stop", darwin: "bootout", windows: "/End" }[os];
  const start = { linux: "restart", darwin: "bootstrap", windows: "/Run" }[os];

  Deno.test(`on ${os}, a restart and an upgrade announce the return between the stop and the start`, () => {
    assert.deepEqual(told(restartSteps(layout)), [stop, "announce", start]);
    const manifest = { during: "{}", after: "{}" };
    const options = { storesCredentials: false, manifest };
    const upgrade = told(installSteps(layout, "/new", { ...options, isUpgrade: true }));
    assert.deepEqual(upgrade.slice(-3), [stop, "announce", start]);
    assert.ok(!told(installSteps(layout, "/new", options)).includes("announce"), "it was not there before");
  });
}
