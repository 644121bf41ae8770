import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { refuseRequest } from "../../../supabase/functions/_shared/http/endpoint.ts";
import { limitConnections } from "../../../cli/serve/connections.ts";
import { type Limits, listen } from "../../../cli/serve/listen.ts";
import { type Certificate, makeCertificate } from "../../_support/certificate.ts";
import { parseReply, type RawConnection, rawConnection } from "../../_support/raw_http.ts";
import { withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { pause, until } from "../../_support/wait.ts";

const limits: Limits = {
  tlsMs: 10_000,
  headerMs: 10_000,
  bodyMs: 10_000,
  idleMs: 10_000,
  stallMs: 10_000,
  waiting: 32,
  connections: 100,
};

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
/** More than the system keeps for a connection that nobody reads. */
const large = new Uint8Array(12_000_000);

/** What the handler was asked, and what it may answer. */
interface Served extends AsyncDisposable {
  begun: string[];
  port: number;
  /** Lets the requests to `/held` be answered. */
  release: () => void;
  connect: () => Promise<RawConnection>;
}

async function serve(given: Partial<Limits> = {}, certificate: Certificate | null = null): Promise<Served> {
  const address = { hostname: "127.0.0.1", port: 0, tls: certificate };
  const listener = await listen(address, { ...limits, ...given });
  const begun: string[] = [];
  const held = Promise.withResolvers<void>();
  listener.handle(async (request) => {
    const { pathname } = new URL(request.url);
    begun.push(pathname);
    if (pathname === "/held") await held.promise;
    if (pathname === "/large") return new Response(large);
    return new Response(`${pathname} ${(await request.text()).length}`);
  }, refuseRequest);
  const port = Number(new URL(listener.url).port);
  const open: RawConnection[] = [];
  return {
    begun,
    port,
    release: held.resolve,
    async connect() {
      const connection = certificate === null
        ? await Deno.connect({ hostname: "127.0.0.1", port })
        : await Deno.connectTls({
          hostname: "localhost",
          port,
          caCerts: [await Deno.readTextFile(certificate.authority)],
        });
      const raw = rawConnection(connection);
      open.push(raw);
      return raw;
    },
    async [Symbol.asyncDispose]() {
      held.resolve();
      for (const connection of open) connection[Symbol.dispose]();
      await listener.close();
    },
  };
}

/** Another connection's whole exchange: time enough for the server to have done more than it should. */
async function askElsewhere(server: Served): Promise<void> {
  const other = await await server.connect();
  other.send(get("/other"));
  await other.until(/\/other 0$/);
}

Deno.test("33 requests sent at once → begun one at a time, and answered in their order", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(get("/held") + Array.from({ length: 32 }, (_, index) => get(`/${index}`)).join(""));
  await until("the first one", () => server.begun.length > 0);
  await askElsewhere(server);
  assert.deepEqual(server.begun, ["/held", "/other"]);
  server.release();
  const replies = await client.until(/\/31 0$/);
  assert.deepEqual(
    [...replies.matchAll(/\/(\w+) 0/g)].map(([, path]) => path),
    ["held", ...Array.from({ length: 32 }, (_, index) => String(index))],
  );
});

Deno.test("34 requests sent at once → closed, and none but the first was begun", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(get("/held") + get("/next").repeat(33));
  assert.equal(await client.ended(), "");
  assert.deepEqual(server.begun, ["/held"]);
});

Deno.test("3 MB of bodies sent ahead → at most 256 KiB are read before their turn, then all are answered", async () => {
  const server = createServer();
  const held = Promise.withResolvers<ServerResponse>();
  limitConnections(server, limits, (incoming, outgoing) => {
    if (incoming.url === "/held") return held.resolve(outgoing);
    incoming.on("end", () => outgoing.end(incoming.url)).resume();
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null);
      resolve(address.port);
    })
  );
  using client = rawConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  try {
    client.send(get("/held"));
    const first = await held.promise;
    const body = "y".repeat(100_000);
    for (let count = 1; count <= 30; count++) {
      client.send(`POST /body-${count} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    }
    await until("as much as the server takes", () => first.socket?.isPaused() ?? false);
    const { bytesRead = 0 } = first.socket ?? {};
    assert.ok(bytesRead > 0 && bytesRead <= 256 * 1024, `${bytesRead} bytes were read`);
    first.end("held");
    await client.until(/\/body-30$/);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function assertStalledIsEnded(certificate: Certificate | null): Promise<void> {
  await using server = await serve({ stallMs: 300 }, certificate);
  const client = await server.connect();
  client.send(get("/large") + get("/next"));
  await until("the first one", () => server.begun.length > 0);
  await askElsewhere(server);
  await pause(1000);
  assert.ok((await client.ended()).length < large.length);
  assert.deepEqual(server.begun, ["/large", "/other"]);
}

Deno.test("a reply of which nothing is taken → its connection is ended, and others are answered meanwhile", async () => {
  await assertStalledIsEnded(null);
});

testWith(["openssl"], "the same over TLS", async () => {
  await withFolder(async (folder) => await assertStalledIsEnded(await makeCertificate(folder)));
});

Deno.test("a reader that pauses for less than the limit → gets the whole reply, and the next one", async () => {
  await using server = await serve({ stallMs: 5000 });
  const client = await server.connect();
  client.send(get("/large") + get("/next"));
  await until("the first one", () => server.begun.length > 0);
  await pause(300);
  assert.ok((await client.until(/\/next 0$/)).length > large.length);
});

for (
  const [what, bytes, status] of [
    ["two Host headers", "GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n", 400],
    ["no Host header", "GET / HTTP/1.1\r\nx: y\r\n\r\n", 400],
    ["a Host that is not one", "GET / HTTP/1.1\r\nhost: a/b?c\r\n\r\n", 400],
    [
      "HTTP/1.0 with Transfer-Encoding",
      "POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400],
    [
      "two different lengths",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
      400,
    ],
    [
      "an Expect that nobody knows",
      "POST / HTTP/1.1\r\nhost: x\r\nexpect: 200-ok\r\ncontent-length: 1\r\n\r\na",
      417,
    ],
    ["64 KB of headers", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(65_536)}\r\n\r\n`, 431],
  ] as const
) {
  Deno.test(`${what} → ${status} with the shape and headers of every error, and the connection is closed`, async () => {
    await using server = await serve();
    const client = await server.connect();
    client.send(bytes);
    assertRefused(parseReply(await client.ended()), status);
    assert.deepEqual(server.begun, []);
  });
}

Deno.test("a header that does not end → 408 in time, with the shape of every error", async () => {
  await using server = await serve({ headerMs: 200 });
  const client = await server.connect();
  client.send("GET / HTTP/1.1\r\nhost: x\r\nx: ");
  assertRefused(parseReply(await client.ended()), 408);
});

Deno.test("a body that does not end → its request is given up in time", async () => {
  await using server = await serve({ headerMs: 200, bodyMs: 400 });
  const client = await server.connect();
  client.send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
  await client.ended();
});

Deno.test("a connection that is idle for the limit → closed", async () => {
  await using server = await serve({ idleMs: 200 });
  const client = await server.connect();
  client.send(get("/once"));
  assert.match(await client.ended(), /\/once 0$/);
});

testWith(["openssl"], "a TLS handshake that does not begin, or does not end → closed in time", async () => {
  await withFolder(async (folder) => {
    await using server = await serve({ tlsMs: 200 }, await makeCertificate(folder));
    // The head of a record that would hold a ClientHello.
    for (const sent of ["", "\x16\x03\x01\x02\x00\x01"]) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      if (sent !== "") await connection.write(new TextEncoder().encode(sent));
      await assertEnds(connection);
    }
    assert.deepEqual(server.begun, []);
  });
});

Deno.test("HTTP/1.0 without a Host header is answered", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send("GET /old HTTP/1.0\r\n\r\n");
  assert.match(await client.ended(), /^HTTP\/1\.1 200 [^]*\/old 0$/);
});

/** Fails, instead of waiting for ever, while nobody ends the connection. */
async function assertEnds(connection: Deno.Conn): Promise<void> {
  let hasEnded = false;
  const buffer = new Uint8Array(1024);
  const reading = (async () => {
    // A TLS alert may come before the end.
    while (await connection.read(buffer).catch(() => null) !== null);
    hasEnded = true;
  })();
  await until("the end of the connection", () => hasEnded);
  await reading;
}

function assertRefused({ status, headers, body }: ReturnType<typeof parseReply>, expected: number): void {
  assert.equal(status, expected, body);
  const error = JSON.parse(body);
  assert.equal(error.error, "invalid_request");
  assert.match(error.error_description, /^Cannot read the request: /);
  assert.equal(error.request_id, headers.get("x-request-id"));
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal(headers.get("access-control-allow-origin"), "*");
  assert.equal(headers.get("connection"), "close");
}
