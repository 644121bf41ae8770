import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { enrollmentCode } from "../../_support/vectors.ts";
import { withDesk } from "../_enrollment.ts";
import { commandOf, flagsOf, manifest, type Scene, type System } from "./_system.ts";

/** A stand-in that notes how it is asked, and what for, before it refuses. */
export async function handedOver({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const note = join(system.folder, "note");
  const program = await standIn(
    system,
    `{ echo "$0 $*"; env; echo; cat; } >'${note}'\necho 'error: Cannot install: it is a test' >&2\nexit 5`,
  );
  const watched = ["--watch", "openclaw", "--status-command=/usr/bin/check all", "--metrics-command", ""];
  const given = [...await flagsOf(system, agent, url), ...watched];
  const ended = await system.run([...commandOf(language), ...given, ...program]);
  assertEnded(ended, 5, /error: Cannot install: it is a test\nwhat was done has been undone/);
  const [asked = "", secret] = (await Deno.readTextFile(note)).split("\n\n");
  const words =
    `service install --name openclaw-agent --url ${url} --agent-id ${agent.id} --agent-secret-file -`;
  const options = "--watch=openclaw --status-command=/usr/bin/check all --metrics-command=";
  assert.equal(asked.split("\n")[0], `/usr/local/bin/openclaw-agent.openclaw-new ${words} ${options}`);
  assert.equal(secret, `${agent.secret}\n`);
  assert.ok(!asked.includes(agent.secret.slice(4, 40)), "the secret is in the arguments or the environment");
  assert.deepEqual(await system.files(), []);
  await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was asked for something");
}

export async function handedOverEnrolled({ system, language, ...given }: Scene): Promise<void> {
  const note = join(system.folder, "note");
  const program = await standIn(system, `{ echo "$0 $*"; env; cat; } >'${note}'\nexit 5`);
  await withDesk(given, async (desk) => {
    const env = { OPENCLAW_URL: desk.url, OPENCLAW_ENROLLMENT_CODE: enrollmentCode };
    const ended = await system.run([...commandOf(language), ...program], env);
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(ended.stderr, /this host stays enrolled: run the installer again/);
    const [agent] = desk.agents.values();
    const asked = await Deno.readTextFile(note);
    assert.match(
      asked,
      new RegExp(` --agent-id ${agent?.id} --agent-secret-file -\n[^]*\n${agent?.secret}\n$`),
    );
    assert.equal(
      asked.split(agent?.secret ?? "").length,
      2,
      "the secret is in the arguments or the environment",
    );
    assert.ok(!asked.includes(enrollmentCode.slice(4, 40)), "the program was given the code");
    const step = "Cannot install the service: the program ends with 5";
    assert.deepEqual(desk.steps, [
      "started",
      "checked",
      "enrolled",
      "downloaded",
      `downloaded, then ${step}`,
    ]);
    const state = "/var/lib/openclaw-agent";
    assert.deepEqual(await system.files(), [
      manifest.replace(/\/[^/]*$/, ""),
      manifest,
      state,
      `${state}/credentials.json`,
    ]);
    assertEnded(await system.run([...commandOf(language), "--script-agent", "--url", desk.url]), 0, /online/);
    const { stdout } = await system.run(["cat", "/etc/systemd/system/openclaw-agent.service", manifest]);
    assert.ok(!stdout.includes(enrollmentCode.slice(4, 40)), "the unit or the manifest has the code");
    assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
    assert.deepEqual(await system.files(), []);
  });
}

export async function killedHandOver({ system, language, fleet, url }: Scene): Promise<void> {
  const given = await flagsOf(system, await fleet.createAgent(), url);
  const again = join(system.folder, "again");
  const program = await standIn(
    system,
    `[ -e '${again}' ] || kill -9 "$PPID"\necho 'error: Cannot install: it is a test' >&2\nexit 5`,
  );
  const command = [...commandOf(language), ...given, ...program];
  const killed = await system.run(command);
  assert.equal(killed.code, 137, killed.stderr);
  assert.ok((await system.files()).includes(manifest), "what it left is not known");
  await Deno.writeTextFile(again, "");
  assertEnded(
    await system.run(command),
    5,
    /error: Cannot install: it is a test\nwhat was done has been undone/,
  );
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
}

/** The options that name a program, which answers --version, and does what the script says when it is asked for more. */
async function standIn(system: System, script: string): Promise<string[]> {
  const program = join(system.folder, "openclaw");
  await Deno.writeTextFile(program, `#!/bin/sh\n[ "$1" != --version ] || exit 0\n${script}\n`, {
    mode: 0o755,
  });
  const sum = (await system.run(["sha256sum", program])).stdout.slice(0, 64);
  return ["--binary", program, "--sha256", sum];
}
