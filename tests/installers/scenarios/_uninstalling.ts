import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { record } from "../../_support/client.ts";
import { assertEnded } from "../../_support/installers.ts";
import { asNobody, digest, type Scenario, type Scene, untouched } from "../_scene.ts";

/** What all installers are held to: what is removed, and what stays. */
export const uninstalling: Scenario[] = [
  { name: "a manifest that another user may have written is not believed", work: distrustedManifest },
  { name: "uninstalled, nothing is left, and the server knows that the agent stopped", work: uninstalled },
  { name: "a manifest that lists somebody else's file removes nothing", work: forgedManifest },
  {
    name: "an address in the credentials that a terminal would act on is neither shown nor asked",
    work: plantedUrl,
  },
  { name: "what is not installed cannot be uninstalled", work: notInstalled },
  { name: "a manifest that no installer wrote so is no order to remove anything", work: brokenManifest },
  {
    name: "what this user may not remove stays, and so does the manifest",
    work: notAllowed,
    asNobody: true,
  },
];

async function distrustedManifest({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const message = /Cannot use the manifest ".*": another user may have written it/;
  await Deno.chmod(host.manifest, 0o622);
  await untouched(host, () => host.run(["--uninstall"]), 5, message);
  await untouched(host, () => host.run([]), 5, message);
  await Deno.chmod(host.manifest, 0o600);
  await Deno.rename(host.manifest, `${host.manifest}.real`);
  await Deno.symlink(`${host.manifest}.real`, host.manifest);
  await untouched(host, () => host.run(["--uninstall"]), 5, message);
}

async function uninstalled({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await Deno.mkdir(join(host.home, ".local"));
  assertEnded(await host.install(agent, url), 0);
  assertEnded(await host.run(["--uninstall"]), 0, new RegExp(`removed ${host.manifest}`));
  assert.deepEqual(Object.values(await host.tree()), [""]);
  assert.ok((await Deno.stat(join(host.home, ".local"))).isDirectory);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function forgedManifest({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const victim = join(host.home, "thesis.txt");
  await Deno.writeTextFile(victim, "all of it");
  const manifest = record(JSON.parse(await Deno.readTextFile(host.manifest)));
  const forged = { ...manifest, files: { [victim]: await digest(victim), ...record(manifest.files) } };
  await Deno.writeTextFile(host.manifest, `${JSON.stringify(forged, null, 2)}\n`);
  await untouched(host, () => host.run(["--uninstall"]), 5, /lists what no installer writes/);
}

/** The service's user may write its own credentials file, and root's terminal shows what is in it. */
async function plantedUrl({ host, fleet, url }: Scene): Promise<void> {
  for (const planted of [`${url}/\u001b[2J\u001b]0;pwn\u0007`, "file:///etc/passwd", `${url}/\u202etxt`]) {
    const agent = await fleet.createAgent();
    assertEnded(await host.install(agent, url), 0);
    const text = await Deno.readTextFile(host.credentials);
    const changed = JSON.stringify({ ...record(JSON.parse(text)), url: planted }, null, 2);
    await Deno.writeTextFile(host.credentials, `${changed}\n`);
    const { stdout, stderr } = await host.run(["--uninstall"]);
    assert.match(stderr, /warning: the server was not told that the agent stops/);
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(stdout + stderr, /[\u001b\u0007\u202e]|pwn|passwd/);
    assert.equal((await fleet.agent(agent.id)).liveness, "online");
  }
}

async function notInstalled({ host }: Scene): Promise<void> {
  await untouched(host, () => host.run(["--uninstall"]), 4, /Cannot uninstall: there is no/);
}

async function brokenManifest({ host, fleet, url, some }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const whole = await Deno.readTextFile(host.manifest);
  const broken = [
    whole.slice(0, -3),
    `${whole}{}`,
    whole.replace(/ {2}"service": .*\n/, ""),
    whole.replace('"service": "none"', '"service": "cron"'),
    whole.replace('"service": "none"', '"service": 7'),
    whole.replace(/"files": \{[^}]*\}/, '"files": {}'),
    whole.replace(/"files": \{[^}]*\}/, '"files": []'),
    whole.replace(/"folders": \[[^\]]*\]/, '"folders": "/"'),
  ];
  const message = `Cannot read the manifest "${host.manifest}": it is not as an installer wrote it`;
  for (const text of some(broken)) {
    assert.notEqual(text, whole);
    await Deno.writeTextFile(host.manifest, text);
    const { stderr } = await untouched(host, () => host.run(["--uninstall"]), 5);
    const hint = "look at it, and move it away if it is not needed";
    assert.ok(stderr.includes(`error: ${message}\nhint: ${hint}`), stderr);
  }
  await Deno.writeTextFile(host.manifest, whole);
  assertEnded(await host.run(["--uninstall"]), 0);
}

async function notAllowed(scene: Scene): Promise<void> {
  const { host, fleet, url } = scene;
  await using nobody = await asNobody(scene, await fleet.createAgent(), url);
  assertEnded(await nobody.install(), 0);
  await Deno.chmod(dirname(host.program), 0o500);
  const { stderr } = await untouched(host, () => nobody.uninstall(), 1);
  const message =
    `error: Cannot remove "${host.program}": this user may not\nhint: run it as the user who installed`;
  assert.ok(stderr.includes(message), stderr);
  await Deno.chmod(dirname(host.program), 0o700);
  assertEnded(await nobody.uninstall(), 0);
  assert.deepEqual(await host.tree(), {});
}
