import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { storeCredentials, writePrivate } from "../../../_support/home.ts";
import { credentialsPath, isThere, sessionPath } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";

const agent = { id: agentId, secret: agentSecret };
const uuid = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";

Deno.test("openclaw forget removes the credentials, and tells so; without any it tells that there was nothing", async () => {
  await using home = await temporaryFolder();
  const path = credentialsPath(home.path);
  await storeCredentials(home.path, "https://fleet.example", agent);
  const removed = await runInSession(["forget"], { home: home.path });
  assert.deepEqual(removed, { code: 0, stdout: "", stderr: `removed ${path}\n` });
  assert.equal(await isThere(path), false);
  const nothing = await runInSession(["forget"], { home: home.path });
  assert.deepEqual(nothing, { code: 0, stdout: "", stderr: "there was nothing to remove\n" });
});

Deno.test("openclaw forget of what cannot be removed tells so, with a command", async () => {
  await using home = await temporaryFolder();
  await Deno.mkdir(join(credentialsPath(home.path), "inside"), { recursive: true });
  assertRefused(
    await runInSession(["forget"], { home: home.path }),
    1,
    /Cannot remove ".*credentials\.json": /,
  );
});

Deno.test("openclaw forget where another program has files of these names leaves them, and tells that nothing went", async () => {
  await using home = await temporaryFolder();
  const theirs = '{"apiKey":"theirs"}';
  const paths = [credentialsPath(home.path), sessionPath(home.path)];
  for (const path of paths) await writePrivate(path, theirs);
  const { code, stderr } = await runInSession(["forget"], { home: home.path });
  assert.deepEqual([code, stderr], [0, "there was nothing to remove\n"]);
  assert.deepEqual(JSON.parse((await runInSession(["forget", "--json"], { home: home.path })).stdout), {
    removed: [],
  });
  for (const path of paths) assert.equal(await Deno.readTextFile(path), theirs);
});

Deno.test("openclaw forget removes what a writer that was killed has left of a file, and nobody else's files", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, "https://fleet.example", agent);
  const [credentials, session] = [credentialsPath(home.path), sessionPath(home.path)];
  const parts = [`${credentials}.${uuid}`, `${session}.${uuid}`];
  // A monitor that runs holds its lock, whoever logs out.
  const lock = join(dirname(session), `monitor-${uuid}.lock`);
  const others = [`${credentials}.bak`, `${session}.${uuid}.bak`, lock];
  for (const path of [session, ...parts, ...others]) await writePrivate(path, '{"received_at":1}');
  const { code, stdout, stderr } = await runInSession(["forget", "--json"], { home: home.path });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout).removed.sort(), [credentials, session, ...parts].sort());
  for (const path of [credentials, session, ...parts]) assert.equal(await isThere(path), false, path);
  for (const path of others) assert.equal(await isThere(path), true, path);
});
