import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { compiled } from "../../_support/compiled.ts";
import { copyDatabaseTemplate } from "../../_support/database_template.ts";
import { run, succeed } from "../../_support/run.ts";
import { folderInMemory, removeAtEnd, startServerProcess } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { pause, until } from "../../_support/wait.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** One for all servers here, which run one after the other. */
const { path: data } = await folderInMemory();
await copyDatabaseTemplate(data);
removeAtEnd(data);

/** From source with a program in front of the server that passes signals on, in a group of its own. */
const inFront = compiled ? [`${compiled}-server`, "serve"] : [Deno.execPath(), "task", "--quiet", "start"];

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
    // On a busy machine the first one may have been taken less than a second ago.
    const code = await until(
      "its end",
      () => Promise.race([server.stop("SIGTERM"), pause(100).then(() => null)]),
    );
    assert.equal(code, 1);
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
