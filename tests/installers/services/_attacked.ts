import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { commandOf, flagsOf, type Scene } from "./_system.ts";

export async function serversFolder({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  for (const key of ["operator-key", "jwt-keys.json"]) {
    const path = `/var/lib/openclaw-agent/${key}`;
    await system.run(["install", "-D", "-m", "600", "/dev/null", path]);
    assertEnded(await system.run(command), 5, new RegExp(`has the keys of a server, "${key}"`));
    assert.deepEqual(await system.files(), ["/var/lib/openclaw-agent", path]);
    await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was asked for something");
    await system.run(["rm", "-r", "/var/lib/openclaw-agent"]);
  }
}

/** The service's user may do in its own folder what it likes: root's next visit must not serve it. */
export async function plantedLinks({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  assertEnded(await system.run(command), 0);
  const victim = join(system.folder, "victim");
  await Deno.writeTextFile(victim, "root's own", { mode: 0o600 });
  for (const ending of [".openclaw-new", ".openclaw-old"]) {
    await system.run(["ln", "-sf", victim, `/var/lib/openclaw-agent/credentials.json${ending}`]);
  }
  await system.run(["rm", "/var/lib/openclaw-agent/credentials.json"]);
  await system.run(command);
  assertEnded(await system.run(command), 0);
  await system.run(["ln", "-s", victim, "/var/lib/openclaw-agent/credentials.json.openclaw-lock"]);
  assertEnded(await system.run(command), 1, /Cannot write ".*credentials.json"/);
  assert.equal(await Deno.readTextFile(victim), "root's own");
  const { mode, uid } = await Deno.stat(victim);
  assert.deepEqual([(mode ?? 0) & 0o777, uid], [0o600, 0]);
  await system.run(["ln", "-sf", victim, "/var/lib/openclaw-agent/credentials.json"]);
  assertEnded(await system.run(command), 5, /holds no credentials/);
}

/**
 * What the service's user does in its folder just before root's own step there. In place of a file it puts a second name
 * of a file of root's, which everybody may write: so the kernel lets it.
 */
const attacks: [tool: string, attack: string][] = [
  ["chown", "ln -f /var/lib/victim credentials.json.openclaw-new"],
  ["ln", "ln -s /var/lib/elsewhere credentials.json.openclaw-old"],
  ["mv", "ln -sf /var/lib/elsewhere credentials.json"],
];

export async function movedUnderway({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  assertEnded(await system.run(command), 0);
  const before = await system.files();
  const prepared = `echo >/var/lib/victim && chmod 666 /var/lib/victim && mkdir /var/lib/elsewhere
    chmod 640 /var/lib/openclaw-agent/credentials.json`;
  assert.equal((await system.run(["sh", "-ec", prepared])).code, 0);
  for (const [tool, attack] of attacks) {
    const script = `#!/bin/sh
PATH=/usr/bin:/bin
(cd /var/lib/openclaw-agent && setpriv --reuid=61234 --regid=61234 --clear-groups ${attack}) &&
  echo ${tool} >>"$SYSTEMCTL_STATE/attacks"
exec ${tool} "$@"
`;
    await Deno.writeTextFile(join(system.folder, "bin", tool), script, { mode: 0o755 });
  }
  // Credentials with another mode are written anew.
  assertEnded(await system.run(command), 0, /wrote .*credentials\.json/);
  const attacked = (await Deno.readTextFile(join(system.folder, "state/attacks"))).split("\n");
  assert.deepEqual(attacks.filter(([tool]) => !attacked.includes(tool)), []);
  for (const [tool] of attacks) await Deno.remove(join(system.folder, "bin", tool));
  const places = ["/var/lib/victim", "/var/lib/elsewhere", "/var/lib/openclaw-agent/credentials.json"];
  const { stdout } = await system.run(["find", ...places, "-printf", "%y %m %U %p\n"]);
  assert.equal(
    stdout,
    `f 666 0 /var/lib/victim\nd 755 0 /var/lib/elsewhere\nf 600 61234 ${places[2]}\n`,
  );
  const planted = ["new", "old"].map((end) => `/var/lib/openclaw-agent/credentials.json.openclaw-${end}`);
  await system.run(["rm", "-r", "/var/lib/victim", "/var/lib/elsewhere", ...planted]);
  assert.deepEqual(await system.files(), before);
}
