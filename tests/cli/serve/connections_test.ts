import assert from "node:assert/strict";
import { refuserOf } from "../../../supabase/functions/_shared/http/endpoint.ts";
import { ContractError, statusOf } from "../../../supabase/functions/_shared/http/errors.ts";
import type { Sink } from "../../../cli/dashboard/replies.ts";
import { Connection } from "../../../cli/serve/http/connection.ts";
import { type Limits, listen } from "../../../cli/serve/listen.ts";
import { type Certificate, makeCertificate } from "../../_support/certificate.ts";
import { parseReply, type RawConnection, rawConnection } from "../../_support/raw_http.ts";
import { temporaryFolder, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { pause, until } from "../../_support/wait.ts";

/** Longer than a test takes on a slow machine: a test of one of them gives its own. */
const limits: Limits = {
  tlsMs: 60_000,
  headerMs: 60_000,
  bodyMs: 60_000,
  idleMs: 60_000,
  stallMs: 60_000,
  waiting: 32,
  connections: 100,
};

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
/** More than the system keeps for a connection that nobody reads. */
const large = new Uint8Array(12_000_000);

/** How many pieces a reply that goes on has: they take longer than the limits. */
const pieces = 15;

/** Sends a piece each 100 ms. */
function sendOn(sink: Sink, piece: Uint8Array): void {
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    sink.write(piece);
    if (sent < pieces) return;
    clearInterval(timer);
    sink.end();
  }, 100);
  sink.onceEnded(() => clearInterval(timer));
}

/** What the handler was asked, and what it may answer. */
interface Served extends AsyncDisposable {
  begun: string[];
  /** Why bodies could not be read. */
  refusals: string[];
  port: number;
  /** Lets the requests to `/held` be answered. */
  release: () => void;
  connect: () => Promise<RawConnection>;
  stop: () => Promise<void>;
}

async function serve(given: Partial<Limits> = {}, certificate: Certificate | null = null): Promise<Served> {
  const address = { hostname: "127.0.0.1", port: 0, tls: certificate };
  const listener = await listen(address, { ...limits, ...given });
  const begun: string[] = [];
  const refusals: string[] = [];
  const held = Promise.withResolvers<void>();
  listener.handle(async (request) => {
    const { pathname } = request;
    begun.push(pathname);
    if (pathname === "/held") await held.promise;
    const reply = { status: 200, headers: {} };
    if (pathname === "/broken") return { ...reply, headers: { "x": "y\r\nx-other: z" }, body: "" };
    if (pathname === "/large") return { ...reply, body: large };
    if (pathname.startsWith("/stream")) {
      return {
        ...reply,
        stream: (sink) => sendOn(sink, pathname === "/stream-large" ? large : new Uint8Array(1)),
      };
    }
    if (pathname === "/unread") return { ...reply, status: 401, body: pathname };
    if (pathname === "/header") return { ...reply, body: request.headers.get("authorization") };
    try {
      return { ...reply, body: `${pathname} ${(await request.text()).length}` };
    } catch (error) {
      assert.ok(error instanceof ContractError);
      refusals.push(error.message);
      return { ...reply, status: statusOf(error.code), body: `${pathname} ${error.code}` };
    }
  }, refuserOf(null));
  const port = Number(new URL(listener.url).port);
  const open: RawConnection[] = [];
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => stopped ??= listener.close();
  return {
    begun,
    refusals,
    port,
    release: held.resolve,
    stop,
    async connect() {
      const raw = rawConnection(
        certificate === null
          ? await Deno.connect({ hostname: "127.0.0.1", port })
          : await connectTls(port, certificate),
      );
      open.push(raw);
      return raw;
    },
    async [Symbol.asyncDispose]() {
      held.resolve();
      for (const connection of open) connection[Symbol.dispose]();
      await stop();
    },
  };
}

/** Ends its handshake, so that the next connection does not come while it is under way. */
async function connectTls(port: number, { authority }: Certificate): Promise<Deno.TlsConn> {
  const caCerts = [await Deno.readTextFile(authority)];
  const connection = await Deno.connectTls({ hostname: "localhost", port, caCerts });
  await connection.handshake();
  return connection;
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

Deno.test("30,000 requests sent at once → closed, none but the first was begun, and others are answered", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(get("/held").repeat(30_000));
  assert.equal(await client.ended(), "");
  await askElsewhere(server);
  assert.deepEqual(server.begun, ["/held", "/other"]);
});

Deno.test("more silent connections than the server holds → the oldest is closed, and one with a request is answered", async () => {
  await using server = await serve({ connections: 2 });
  const held = await server.connect();
  held.send(get("/held"));
  await until("its request to begin", () => server.begun.includes("/held"));
  const first = await server.connect();
  first.send("GET /first HT");
  await askElsewhere(server);
  assert.equal(await first.ended(), "");
  const second = await server.connect();
  second.send("POST /second HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
  await until("the body to be waited for", () => server.begun.includes("/second"));
  await askElsewhere(server);
  assert.equal(await second.ended(), "");
  server.release();
  await held.until(/\/held 0$/);
});

testWith(
  ["openssl"],
  "over TLS, silent connections and handshakes → the oldest are closed, and one with a request is answered",
  async () => {
    await using folder = await temporaryFolder();
    await using server = await serve({ connections: 4 }, await makeCertificate(folder.path));
    const handshakes: RawConnection[] = [];
    for (let n = 0; n < 4; n++) {
      handshakes.push(rawConnection(await Deno.connect({ hostname: "127.0.0.1", port: server.port })));
    }
    const silent: RawConnection[] = [];
    for (let n = 0; n < 4; n++) {
      const connection = await server.connect();
      connection.send("GET /silent HT");
      silent.push(connection);
    }
    const other = await server.connect();
    other.send(get("/other"));
    await other.until(/\/other 0$/);
    assert.equal(await silent[0]?.ended(), "");
    assert.equal(await handshakes[0]?.ended(), "");
    for (const connection of handshakes) connection[Symbol.dispose]();
  },
);

Deno.test("as many requests under way as the server holds connections → one more is closed", async () => {
  await using server = await serve({ connections: 2 });
  const held = [await server.connect(), await server.connect()];
  for (const connection of held) connection.send(get("/held"));
  await until("both requests to begin", () => server.begun.length === 2);
  assert.equal(await (await server.connect()).ended(), "");
  server.release();
  for (const connection of held) await connection.until(/\/held 0$/);
});

Deno.test("3 MB of bodies sent ahead → at most 256 KiB are read before their turn, then all are answered", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using client = rawConnection(await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }));
  const accepted = await listener.accept();
  const watched = watchReads(accepted);
  const held = Promise.withResolvers<void>();
  const connection = new Connection({ wire: accepted, address: "" }, {
    limits,
    refuse: refuserOf(null),
    async handler(request) {
      if (request.pathname === "/held") await held.promise;
      return { status: 200, headers: {}, body: `${request.pathname} ${(await request.text()).length}` };
    },
  });
  const served = connection.serve();
  client.send(get("/held"));
  const body = "y".repeat(60_000);
  for (let count = 1; count <= 50; count++) {
    client.send(`POST /body-${count} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  }
  await until("as much as the server takes", () => watched.bytes > 0 && watched.underWay === 0);
  assert.ok(watched.bytes <= 256 * 1024, `${watched.bytes} bytes were read`);
  held.resolve();
  await client.until(/\/body-50 60000$/);
  connection.close();
  await served;
});

/** How much is read of a connection from now on, and whether somebody waits for more. */
function watchReads(connection: Deno.Conn): { bytes: number; underWay: number } {
  const watched = { bytes: 0, underWay: 0 };
  const read = connection.read.bind(connection);
  connection.read = async (buffer) => {
    watched.underWay += 1;
    try {
      const length = await read(buffer);
      watched.bytes += length ?? 0;
      return length;
    } finally {
      watched.underWay -= 1;
    }
  };
  return watched;
}

async function assertStalledIsEnded(certificate: Certificate | null): Promise<void> {
  await using server = await serve({ stallMs: 300 }, certificate);
  const client = await server.connect();
  client.send(get("/large") + get("/next"));
  await until("the first one", () => server.begun.length > 0);
  await askElsewhere(server);
  await passSweeps(30, 300);
  assert.ok((await client.ended()).length < large.length);
  assert.deepEqual(server.begun, ["/large", "/other"]);
}

/** Waits for thrice the sweeps of the server that give a reply up, in turns that a busy machine stretches as theirs. */
async function passSweeps(everyMs: number, limitMs: number): Promise<void> {
  for (let waited = 0; waited < 3 * limitMs; waited += everyMs) await pause(everyMs);
}

Deno.test("a reply of which nothing is taken → its connection is ended, and others are answered meanwhile", async () => {
  await assertStalledIsEnded(null);
});

testWith(["openssl"], "the same over TLS", async () => {
  await withFolder(async (folder) => await assertStalledIsEnded(await makeCertificate(folder)));
});

Deno.test("a reply that goes on, and is taken → is not ended, however much longer than the limits it takes", async () => {
  await using server = await serve({ stallMs: 300, bodyMs: 300, idleMs: 300 });
  const client = await server.connect();
  client.send(get("/stream") + get("/next"));
  const text = await client.until(/\r\n0\r\n\r\nHTTP.*\/next 0$/s);
  assert.equal(text.split("\r\n1\r\n").length - 1, pieces);
});

Deno.test("a reply that goes on, and of which nothing is taken → its connection is ended", async () => {
  await using server = await serve({ stallMs: 300 });
  const client = await server.connect();
  client.send(get("/stream-large") + get("/next"));
  await until("the first one", () => server.begun.length > 0);
  await passSweeps(30, 300);
  assert.ok((await client.ended()).length < pieces * large.length);
  assert.deepEqual(server.begun, ["/stream-large"]);
});

Deno.test("a reader that pauses for less than the limit → gets the whole reply, and the next one", async () => {
  await using server = await serve();
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
    ["HTTP/2.0", "GET / HTTP/2.0\r\nhost: x\r\n\r\n", 400],
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
  assert.match(await client.ended(), /^HTTP\/1\.1 400 [^]*\/body invalid_request$/);
  assert.deepEqual(server.refusals, ["Cannot read the body: it did not arrive within 10 s"]);
});

Deno.test("a body that is cut off → its request is refused, and the server lives", async () => {
  await using server = await serve();
  {
    using client = rawConnection(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
    client.send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf");
    await until("the request", () => server.begun.length > 0);
  }
  await until("its refusal", () => server.refusals.length > 0);
  assert.deepEqual(server.refusals, ["Cannot read the body: it was cut off"]);
  await askElsewhere(server);
});

for (
  const [what, head, body] of [
    ["a length", "content-length: 65537", "y".repeat(65_537)],
    ["chunks", "transfer-encoding: chunked", `10001\r\n${"y".repeat(65_537)}\r\n0\r\n\r\n`],
  ] as const
) {
  Deno.test(`65,537 bytes with ${what} → payload_too_large, and the next request is answered`, async () => {
    await using server = await serve();
    const client = await server.connect();
    client.send(`POST /body HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n${body}${get("/next")}`);
    assert.match(await client.until(/\/next 0$/), /^HTTP\/1\.1 413 [^]*\/body payload_too_large/);
  });
}

Deno.test("a chunk that is none → its request is refused, and the connection is closed", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send("POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nz\r\n" + get("/next"));
  assert.match(await client.ended(), /^HTTP\/1\.1 400 [^]*connection: close\r\n[^]*\/body invalid_request$/);
  assert.deepEqual(server.begun, ["/body"]);
});

Deno.test("a request before what is no HTTP → both are answered, in their order", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(`${get("/first")}\0\r\n\r\n${get("/next")}`);
  assert.match(await client.ended(), /^HTTP\/1\.1 200 [^]*\/first 0HTTP\/1\.1 400 [^]*invalid_request/);
  assert.deepEqual(server.begun, ["/first"]);
});

for (
  const [what, header] of [
    ["Connection: close", "connection: close"],
    ["an Upgrade", "connection: upgrade\r\nupgrade: h2c"],
  ]
) {
  Deno.test(`${what} → answered, and what follows is not looked at`, async () => {
    await using server = await serve();
    const client = await server.connect();
    client.send(`GET /last HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n${get("/next")}`);
    assert.match(await client.ended(), /^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*\/last 0$/);
    assert.deepEqual(server.begun, ["/last"]);
  });
}

Deno.test("a client that sends no more → still gets its reply", async () => {
  await using server = await serve();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const client = rawConnection(connection);
  client.send(get("/held"));
  await until("the request", () => server.begun.length > 0);
  await connection.closeWrite();
  await askElsewhere(server);
  server.release();
  assert.match(await client.ended(), /\/held 0$/);
});

Deno.test("a header with a line break in its value → 500, and nothing of it is sent", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(get("/broken"));
  const { status, headers } = parseReply(await client.ended());
  assert.equal(status, 500);
  assert.equal(headers.has("x-other"), false);
});

Deno.test("a HEAD → the head of the reply, without its body", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(`HEAD /large HTTP/1.1\r\nhost: x\r\n\r\n${get("/next")}`);
  const text = await client.until(/\/next 0$/);
  assert.match(
    text,
    new RegExp(`^HTTP/1.1 200 OK\r\n[^]*content-length: ${large.length}\r\n\r\nHTTP/1.1 200`),
  );
});

Deno.test("a stop → the reply under way is sent, and says that it is the last", async () => {
  await using server = await serve();
  const client = await server.connect();
  const idle = await server.connect();
  client.send(get("/held") + get("/next"));
  await until("the request", () => server.begun.length > 0);
  const stopped = server.stop();
  assert.equal(await idle.ended(), "");
  server.release();
  assert.match(await client.ended(), /^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*\/held 0$/);
  await stopped;
  assert.deepEqual(server.begun, ["/held"]);
});

Deno.test("a body that nobody reads → passed over: the next request is answered", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send("POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
  await client.until(/\/unread$/);
  client.send(`GET /body${get("/next")}`);
  await client.until(/\/next 0$/);
  assert.deepEqual(server.begun, ["/unread", "/next"]);
});

Deno.test("a body that nobody reads, and that does not end → its connection is closed in time", async () => {
  await using server = await serve({ bodyMs: 300 });
  const client = await server.connect();
  client.send("POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
  assert.match(await client.ended(), /\/unread$/);
});

Deno.test("two Authorization headers → one text of both, as Headers has it", async () => {
  await using server = await serve();
  const client = await server.connect();
  client.send(
    "GET /header HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
  );
  await client.until(/\r\n\r\nBearer a, Bearer b$/);
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
