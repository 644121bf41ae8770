import assert from "node:assert/strict";
import { connect } from "node:net";
import { assertError, FleetClient, send } from "../_support/client.ts";
import { type ServerProcess, startServerProcess, withFolderInMemory } from "../_support/server.ts";
import { agentSecret } from "../_support/vectors.ts";

/** What a connection got back, and how long that took. */
interface Raw {
  reply: string;
  seconds: number;
}

const agentId = "00000000-0000-4000-8000-000000000000";
const sound = `{"agent_id":"${agentId}","agent_secret":"${agentSecret}"}`;

/** Steps that run at once cannot each watch what the others open. */
const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

Deno.test("what arrives broken on the wire", async (test) => {
  await withFolderInMemory(async (data) => {
    const server = await startServerProcess({ data });
    const { port } = new URL(server.url);
    const post = (head: string, body: string | Uint8Array = ""): Promise<Raw> =>
      raw(Number(port), [`POST /functions/v1/handshake HTTP/1.1\r\nhost: x\r\n${head}\r\n`, body]);
    try {
      await Promise.all([
        test.step({
          name: "a body that never ends → answered or closed after about 10 s",
          ...together,
          fn: async () => givenUp(await post("content-length: 100\r\n", '{"agent')),
        }),
        test.step({
          name: "a header that never ends → closed after about 10 s",
          ...together,
          fn: async () =>
            givenUp(await raw(Number(port), ["POST /functions/v1/handshake HTTP/1.1\r\nhost: x\r\nx: "])),
        }),
      ]);
      await test.step("a header of 1 MB → a 4xx at once", async () => {
        // A header that it waited for to the end of its time would be a 408.
        const { reply } = await post(`x: ${"a".repeat(1_000_000)}\r\n`);
        assert.match(reply, /^HTTP\/1\.1 431 /);
      });
      await test.step("no HTTP at all → 400", async () => {
        const { reply } = await raw(Number(port), ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"]);
        assert.match(reply, /^HTTP\/1\.1 400 /);
      });
      await test.step("a body cut in the middle → no session, and the server lives", async () => {
        await raw(Number(port), [
          'POST /functions/v1/handshake HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"agent',
        ], 200);
        assert.equal((await send(`${server.base}/health`)).status, 200);
      });
      await test.step("64 KiB and a byte, in one piece and in chunks → payload_too_large", async () => {
        const large = " ".repeat(65_537);
        assertError(await send(`${server.base}/handshake`, { body: large }), "payload_too_large", 413);
        const chunked = await post("transfer-encoding: chunked\r\n", `10001\r\n${large}\r\n0\r\n\r\n`);
        assert.match(chunked.reply, /^HTTP\/1\.1 413 /);
      });
      await test.step("64 KiB exactly are read", async () => {
        const body = sound + " ".repeat(65_536 - sound.length);
        assertError(await send(`${server.base}/handshake`, { body }), "invalid_credentials", 401);
      });
      await test.step("curl's form type, no type and a wrong one → parsed as JSON all the same", async () => {
        for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]) {
          const reply = await send(`${server.base}/handshake`, {
            body: sound,
            headers: { "content-type": type },
          });
          assertError(reply, "invalid_credentials", 401);
        }
        const { reply } = await post(`content-length: ${sound.length}\r\nconnection: close\r\n`, sound);
        assert.match(reply, /^HTTP\/1\.1 401 [\s\S]*invalid_credentials/);
      });
      await test.step("a Host header of somebody else → the issuer stays ours", async () => {
        await hostIsNotBelieved(server);
      });
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
});

function givenUp({ reply, seconds }: Raw): void {
  // A busy machine adds to the 10 s.
  assert.ok(seconds > 8 && seconds < 110, `given up after ${seconds} s`);
  assert.match(reply, /^(HTTP\/1\.1 4\d\d |$)/);
}

async function hostIsNotBelieved(server: ServerProcess): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  const agent = await client.createAgent();
  const body = JSON.stringify({ agent_id: agent.id, agent_secret: agent.secret });
  const { reply } = await raw(Number(new URL(server.url).port), [
    `POST /functions/v1/handshake HTTP/1.1\r\nhost: evil.example\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`,
    body,
  ]);
  const [, payload = ""] = /"token":"[\w-]+\.([\w-]+)\./.exec(reply) ?? [];
  const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  assert.ok(typeof claims === "object" && claims !== null && "iss" in claims);
  assert.equal(claims.iss, server.base);
}

/** Sends bytes as they are and collects what comes back until the connection closes, or for `timeoutMs`. */
async function raw(port: number, parts: (string | Uint8Array)[], timeoutMs = 120_000): Promise<Raw> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const started = performance.now();
  let reply = "";
  const socket = connect(port, "127.0.0.1");
  socket.on("data", (bytes) => {
    reply += bytes.toString();
    if (/\r\n\r\n[\s\S]*}$/.test(reply)) resolve();
  });
  socket.on("close", () => resolve());
  // Reset by the server, which is one way to close.
  socket.on("error", () => resolve());
  for (const part of parts) socket.write(part);
  const timer = setTimeout(resolve, timeoutMs);
  await promise;
  clearTimeout(timer);
  socket.destroy();
  return { reply, seconds: (performance.now() - started) / 1000 };
}
