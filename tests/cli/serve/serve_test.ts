import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, succeed } from "../../_support/run.ts";
import { openclaw, startServerProcess, withFolder } from "../../_support/server.ts";
import { isInstalled, testWith } from "../../_support/tools.ts";
import { isBinary, isThere, ownEnvironment } from "../../_support/program.ts";
import { pause } from "../../_support/wait.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = Deno.env.get("OPENCLAW_TEST_BINARY") ?? "";

/** One for all servers here, which run one after the other: to make a database takes seconds of work. */
const data = await Deno.makeTempDir({ prefix: "openclaw-test-" });
addEventListener("unload", () => Deno.removeSync(data, { recursive: true }));

/** With a program in front of the server that hands signals on, in a group of its own. */
const inFront = isBinary ? [binary, "serve"] : [Deno.execPath(), "task", "--quiet", "start"];

for (const signal of ["INT", "TERM"]) {
  testWith(
    ["setsid"],
    `SIG${signal} to the server's whole group and to it again from in front → a clean stop`,
    async () => {
      const child = new Deno.Command("setsid", {
        args: [...inFront, "--data", data, "--port", "0"],
        cwd: root,
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      try {
        const [log, talk] = [read(child.stdout), read(child.stderr)];
        await talk.until(/ listens on /);
        await succeed("sh", ["-c", `kill -${signal} -${child.pid}`]);
        const { code } = await child.status;
        await Promise.all([log.ended, talk.ended]);
        assert.match(log.text(), /server stopped/, talk.text());
        assert.equal(code, 0, talk.text());
      } finally {
        await run("sh", ["-c", `kill -KILL -${child.pid} 2>/dev/null`]);
        await child.status;
      }
    },
  );
}

Deno.test("a second signal ends a server that is still stopping, but not one within a second of the first", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using server = await startServerProcess({ data });
  const { hostname, port } = new URL(server.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  try {
    await beginRequest(connection);
    Deno.kill(server.pid, "SIGINT");
    Deno.kill(server.pid, "SIGTERM");
    await pause(1500);
    assert.equal(await Promise.race([server.status, pause(1).then(() => "still there")]), "still there");
    assert.equal(await server.stop("SIGTERM"), 1);
  } finally {
    connection.close();
    await server.stop("SIGKILL");
  }
});

/** Sends a request that never ends, and returns when the server has begun to read it. */
async function beginRequest(connection: Deno.Conn): Promise<void> {
  const head =
    "POST /functions/v1/handshake HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
  await connection.write(new TextEncoder().encode(head));
  const reply = new Uint8Array(1024);
  const length = await connection.read(reply) ?? 0;
  assert.match(new TextDecoder().decode(reply.subarray(0, length)), /^HTTP\/1.1 100 /);
}

/** Starts a server, ends its input by `end`, and waits for its clean stop. */
async function assertStopsWith(
  [program, ...args]: [string, ...string[]],
  end: (child: Deno.ChildProcess) => void | Promise<void>,
): Promise<void> {
  const group = isInstalled("setsid");
  const child = new Deno.Command(group ? "setsid" : program, {
    args: [...(group ? [program] : []), ...args, "--data", data, "--port", "0"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [log, talk] = [read(child.stdout), read(child.stderr)];
  const patience = setTimeout(killAll, 60_000);
  function killAll(): void {
    try {
      if (group) Deno.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    } catch (error) {
      // All of them have ended.
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }
  try {
    await talk.until(/ listens on /);
    await end(child);
    // The server's own output, which it holds for as long as it lives.
    await Promise.all([log.ended, talk.ended]);
    assert.match(log.text(), /server stopped/, talk.text());
  } finally {
    clearTimeout(patience);
    killAll();
    await child.status;
  }
}

function commandOf(words: string[]): [string, ...string[]] {
  const { program, args } = openclaw(words);
  return [program, ...args];
}

Deno.test("a server that is to last as long as its input stops cleanly when that ends", () =>
  assertStopsWith(
    commandOf(["serve", "--until-stdin-ends"]),
    async (child) => {
      await child.stdin.close();
      assert.equal((await child.status).code, 0);
    },
  ));

Deno.test({
  name: "the compiled openclaw serve, killed → its server stops too",
  ignore: !isBinary,
  fn: () => assertStopsWith([binary, "serve"], (child) => child.kill("SIGKILL")),
});

Deno.test({
  name: "the compiled openclaw serve --help, alone in a folder, still helps",
  ignore: !isBinary,
  fn: () =>
    withFolder(async (folder) => {
      const alone = join(folder, basename(binary));
      await Deno.copyFile(binary, alone);
      const env = ownEnvironment(folder);
      for (const args of [["serve", "--help"], ["serve", "-h"], ["help", "serve"]]) {
        const { code, stdout, stderr } = await new Deno.Command(alone, { args, clearEnv: true, env })
          .output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        assert.match(new TextDecoder().decode(stdout), /Example:\n {2}openclaw serve/);
      }
      assert.equal(await isThere(join(folder, ".openclaw")), false);
      const serve = new Deno.Command(alone, { args: ["serve"], clearEnv: true, env, stderr: "null" });
      const { code } = await serve.output();
      assert.equal(code, 4);
    }),
});

function read(
  stream: ReadableStream<Uint8Array>,
): { text: () => string; until: (pattern: RegExp) => Promise<void>; ended: Promise<void> } {
  let text = "";
  const waiting = new Set<() => void>();
  const ended = (async () => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      text += part;
      for (const look of waiting) look();
    }
  })();
  return {
    text: () => text,
    ended,
    async until(pattern) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add(() => pattern.test(text) && resolve());
      await Promise.race([promise, ended.then(() => assert.match(text, pattern))]);
    },
  };
}
