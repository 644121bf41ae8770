import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { commandOf, flagsOf, type Scene } from "./_system.ts";

export async function conflicts({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  const elsewhere = join(system.folder, "openclaw-agent.service");
  const passwd = join(system.folder, "passwd");
  const cases: [set: string, undo: string, says: RegExp][] = [
    [
      "mkdir -p /var/lib/openclaw-agent/state && echo {} >/var/lib/openclaw-agent/openclaw.json",
      "rm -r /var/lib/openclaw-agent",
      /"\/var\/lib\/openclaw-agent" has files of another program: openclaw\.json, user 0's/,
    ],
    [
      `echo '[Service]' >'${elsewhere}' && echo '${elsewhere}' >"$SYSTEMCTL_STATE/elsewhere"`,
      'rm "$SYSTEMCTL_STATE/elsewhere"',
      /"openclaw-agent\.service" is another service's, from "\/.*\/openclaw-agent\.service"/,
    ],
    [
      `{ cat /etc/passwd; echo openclaw-agent:x:1234:1234::/nowhere:/bin/false; } >'${passwd}' && mount --bind '${passwd}' /etc/passwd`,
      "umount /etc/passwd",
      /this host has a user "openclaw-agent" \(1234\)/,
    ],
  ];
  for (const [set, undo, says] of cases) {
    assert.equal((await system.run(["sh", "-c", set])).code, 0, set);
    const before = await system.files();
    assertEnded(await system.run(command), 5, says);
    assert.deepEqual(await system.files(), before);
    await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was told something");
    assert.equal((await system.run(["sh", "-c", undo])).code, 0, undo);
  }
  assertEnded(await system.run(command), 0, /online/);
}

/** All that another program called openclaw has on a host: its link, folder, unit. */
const others = `mkdir -p /usr/local/lib/node_modules/openclaw /var/lib/openclaw/state
  echo '#!/usr/bin/env node' >/usr/local/lib/node_modules/openclaw/openclaw.mjs
  ln -s ../lib/node_modules/openclaw/openclaw.mjs /usr/local/bin/openclaw
  echo {} >/var/lib/openclaw/openclaw.json && chown -R 1234 /var/lib/openclaw
  printf '[Service]\nUser=openclaw\n' >/etc/systemd/system/openclaw.service`;

const listing = `find /usr/local/bin/openclaw /usr/local/lib/node_modules /var/lib/openclaw \
  /etc/systemd/system/openclaw.service -printf '%m %U %p %l\n' | sort; cat /var/lib/openclaw/openclaw.json \
  /etc/systemd/system/openclaw.service /usr/local/lib/node_modules/openclaw/openclaw.mjs`;

export async function besideService({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  const see = async (): Promise<string> => (await system.run(["sh", "-c", listing])).stdout;
  const ours = async (): Promise<void> => assertEnded(await system.run([...command, "--second-name"]), 0);
  const gone = async (): Promise<void> =>
    assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.equal((await system.run(["sh", "-ec", others])).code, 0);
  const [before, files] = [await see(), await system.files()];
  await ours();
  assert.equal(await see(), before);
  await ours();
  await gone();
  assert.equal(await see(), before);
  assert.deepEqual(await system.files(), files);
  // Ours first, with the second name, which npm then takes by force.
  await system.run(["rm", "/usr/local/bin/openclaw"]);
  await ours();
  await system.run(["ln", "-sf", "../lib/node_modules/openclaw/openclaw.mjs", "/usr/local/bin/openclaw"]);
  await gone();
  assert.equal(await see(), before);
  assert.doesNotMatch(await system.log(), /openclaw\.service/);
}

export async function namedService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  assertEnded(await system.run([...command, "--name=fleetd"]), 0, /online/);
  assert.deepEqual(await system.files(), [
    "/etc/systemd/system/fleetd.service",
    "/usr/local/bin/fleetd",
    "/usr/local/lib/fleetd",
    "/usr/local/lib/fleetd/install.json",
    "/var/lib/fleetd",
    "/var/lib/private/fleetd",
    "/var/lib/private/fleetd/credentials.json",
  ]);
  const unit = (await system.run(["cat", "/etc/systemd/system/fleetd.service"])).stdout;
  for (const line of ["User=fleetd", "StateDirectory=fleetd", "EnvironmentFile=-/etc/default/fleetd"]) {
    assert.ok(unit.split("\n").includes(line), line);
  }
  assert.match(unit, /^Environment="OPENCLAW_NAME=fleetd" /m);
  assertEnded(await system.run([...commandOf(language), "--uninstall", "--name=fleetd"]), 0);
  assert.deepEqual(await system.files(), []);
}
