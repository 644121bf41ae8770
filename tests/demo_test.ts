import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyDatabaseTemplate } from "./_support/database_template.ts";
import { namesIn } from "./_support/home.ts";
import { closedPort } from "./_support/port.ts";
import { end } from "./_support/run.ts";
import { temporaryFolder } from "./_support/server.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

Deno.test("the demo with every proxy variable set → each step as it should be, and its folder is removed", async () => {
  const proxy = closedPort();
  const env = Object.fromEntries(proxies.map((name) => [name, proxy]));
  await using ready = await makeReady();
  await using demo = await startDemo(ready.script, { ...env, no_proxy: "elsewhere.example" });
  await demo.until("Every step was as it should be");
  assert.equal((await demo.child.status).code, 0);
  assert.deepEqual(await namesIn(demo.folder), []);
});

const stops: [Deno.Signal, number, string][] = [
  ["SIGINT", 130, "Starting a server"],
  ["SIGTERM", 143, "heartbeat 1"],
  ["SIGHUP", 129, "heartbeat 1"],
];

for (const [signal, code, moment] of stops) {
  Deno.test(`${signal} after "${moment}" → the demo removes its folder and ends with ${code}`, async () => {
    await using ready = await makeReady();
    await using demo = await startDemo(ready.script);
    await demo.until(moment);
    demo.child.kill(signal);
    assert.equal((await demo.child.status).code, code, demo.text());
    assert.deepEqual(await namesIn(demo.folder), []);
    assert.ok(!demo.text().includes("heartbeat 2") && !/error/i.test(demo.text()), demo.text());
  });
}

/** The demo with a database that was made before. As its users start it, it is `.ci/run`'s last step. */
async function makeReady(): Promise<{ script: string[] } & AsyncDisposable> {
  const folder = await temporaryFolder();
  await copyDatabaseTemplate(folder.path);
  const script = ["tests/_support/demo_with_database.ts", join(folder.path, "postgres")];
  return { script, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

interface RunningDemo extends AsyncDisposable {
  child: Deno.ChildProcess;
  /** Where it makes its temporary folder. */
  folder: string;
  text: () => string;
  /** Waits until it has printed this; fails when it ends without. */
  until: (words: string) => Promise<void>;
}

/** Starts the demo with the permissions of `deno task demo`. */
async function startDemo(
  [script = "", ...args]: string[],
  env: Record<string, string> = {},
): Promise<RunningDemo> {
  const folder = await temporaryFolder();
  const permissions = [
    "--allow-net=127.0.0.1",
    "--allow-env",
    "--allow-sys",
    "--allow-read",
    "--allow-write",
  ];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, join(root, script), ...args],
    env: { NO_COLOR: "1", ...env, TMPDIR: folder.path },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  let waiting = (): void => undefined;
  const take = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      text += part;
      waiting();
    }
  };
  const drained = Promise.all([take(child.stdout), take(child.stderr)]);
  return {
    child,
    folder: folder.path,
    text: () => text,
    async until(words) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = () => text.includes(words) && resolve();
      waiting();
      await Promise.race([promise, drained]);
      assert.ok(text.includes(words), `The demo did not print "${words}": ${text}`);
    },
    async [Symbol.asyncDispose]() {
      await end(child);
      await drained;
      await folder[Symbol.asyncDispose]();
    },
  };
}
