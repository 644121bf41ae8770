import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { end } from "./_support/run.ts";
import { withFolder } from "./_support/server.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** Nobody listens there. */
const proxy = "http://127.0.0.1:9";
const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

Deno.test("the demo with every proxy variable set → each step as it should be, and its folder is removed", async () => {
  const env = Object.fromEntries(proxies.map((name) => [name, proxy]));
  await withDemo({ ...env, no_proxy: "elsewhere.example" }, async ({ child, said, folder }) => {
    await said("Every step was as it should be");
    assert.equal((await child.status).code, 0);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  });
});

const stops: [Deno.Signal, number, string][] = [
  ["SIGINT", 130, "Starting a server"],
  ["SIGINT", 130, "heartbeat 1"],
  ["SIGTERM", 143, "heartbeat 1"],
  ["SIGHUP", 129, "heartbeat 1"],
];
for (const [signal, code, moment] of stops) {
  Deno.test(`${signal} after "${moment}" → the demo removes its folder and ends with ${code}`, async () => {
    await withDemo({}, async ({ child, said, folder, text }) => {
      await said(moment);
      child.kill(signal);
      assert.equal((await child.status).code, code, text());
      assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
      assert.ok(!text().includes("heartbeat 2") && !/error/i.test(text()), text());
    });
  });
}

interface RunningDemo {
  child: Deno.ChildProcess;
  /** Where it makes its temporary folder. */
  folder: string;
  text: () => string;
  /** Waits until it has said so; fails when it ends without. */
  said: (words: string) => Promise<void>;
}

/** Runs the demo with the permissions of `deno task demo`. */
async function withDemo(
  env: Record<string, string>,
  work: (demo: RunningDemo) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const permissions = [
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-sys",
      "--allow-read",
      "--allow-write",
    ];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...permissions, join(root, "tools/demo.ts")],
      env: { NO_COLOR: "1", ...env, TMPDIR: folder },
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
    const said = async (words: string): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = () => text.includes(words) && resolve();
      waiting();
      await Promise.race([promise, drained]);
      assert.ok(text.includes(words), `The demo did not say "${words}": ${text}`);
    };
    try {
      await work({ child, folder, said, text: () => text });
    } finally {
      await end(child);
      await drained;
    }
  });
}
