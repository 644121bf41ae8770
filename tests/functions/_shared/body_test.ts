import assert from "node:assert/strict";
import * as body from "../../../supabase/functions/_shared/http/body.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { incomingOf } from "../../../supabase/functions/_shared/http/web.ts";
import { withoutWaiting } from "../_timers.ts";
import { pause } from "../../_support/wait.ts";

type Bytes = ReturnType<TextEncoder["encode"]>;
type Body = string | Bytes | ReadableStream<Bytes>;

const url = "https://fleet.example/functions/v1/handshake";
const encoder = new TextEncoder();
const readJson = (request: Request) => body.readJson(incomingOf(request));
const readOptionalJson = (request: Request) => body.readOptionalJson(incomingOf(request));

function post(body: Body, headers: Record<string, string> = {}): Request {
  return new Request(url, { method: "POST", body, headers });
}

function stream(...chunks: Bytes[]): ReadableStream<Bytes> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

function plainStream(
  pull: (controller: ReadableStreamDefaultController<Bytes>) => void,
): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({ pull }, { highWaterMark: 0 });
}

/** As a server's body is: it gives what it has into the reader's own buffer. */
function byteStream(
  { chunks, asked = [], atEnd }: {
    chunks: Bytes[];
    /** For how many bytes the reader asked, each time. */
    asked?: number[];
    atEnd: (controller: ReadableByteStreamController) => void;
  },
): ReadableStream<Bytes> {
  const left = [...chunks];
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const view = controller.byobRequest?.view;
      assert.ok(view instanceof Uint8Array);
      asked.push(view.length);
      const chunk = left.shift();
      if (chunk === undefined) return atEnd(controller);
      view.set(chunk);
      controller.byobRequest?.respond(chunk.length);
    },
  });
}

async function refused(request: Request, code: string, message: RegExp): Promise<void> {
  for (const read of [readJson, readOptionalJson]) {
    await assert.rejects(read(request.clone()), (error: Error) => {
      assert.ok(error instanceof ContractError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
  await request.body?.cancel();
}

function padded(length: number): string {
  return JSON.stringify({ a: "x".repeat(length - 8) });
}

for (
  const type of [null, "application/json", "application/x-www-form-urlencoded", "text/plain", "nonsense"]
) {
  Deno.test(`a body is JSON whatever its content type says: ${type ?? "nothing"}`, async () => {
    const headers: Record<string, string> = type === null ? {} : { "content-type": type };
    assert.deepEqual(await readJson(post(encoder.encode('{"a": 1}'), headers)), { a: 1 });
  });
}

Deno.test("a body of exactly 65,536 bytes is read", async () => {
  assert.equal(padded(65_536).length, 65_536);
  assert.deepEqual(Object.keys(await readJson(post(padded(65_536), { "content-length": "65536" }))), ["a"]);
});

Deno.test("a body of 65,536 bytes in chunks is read", async () => {
  const bytes = encoder.encode(padded(65_536));
  const chunks = [bytes.slice(0, 1), bytes.slice(1, 40_000), bytes.slice(40_000)];
  assert.deepEqual(Object.keys(await readJson(post(stream(...chunks)))), ["a"]);
});

Deno.test("a character that two chunks share is read", async () => {
  const bytes = encoder.encode('{"a": "🦊"}');
  assert.deepEqual(await readJson(post(stream(bytes.slice(0, 9), bytes.slice(9)))), { a: "🦊" });
});

Deno.test("a byte order mark before the JSON is passed over (RFC 8259 section 8.1)", async () => {
  assert.deepEqual(await readJson(post('\ufeff{"a": 1}')), { a: 1 });
});

Deno.test("of a key that comes twice the last one counts", async () => {
  assert.deepEqual(await readJson(post('{"a": 1, "a": 2}')), { a: 2 });
});

Deno.test("10,000 levels in a field are read", async () => {
  const fields = await readJson(post(`{"a": ${"[".repeat(10_000)}${"]".repeat(10_000)}}`));
  assert.ok(Array.isArray(fields.a));
});

for (
  const [name, length] of [["a content-length of 65,537", "65537"], [
    "an enormous content-length",
    "9".repeat(40),
  ]]
) {
  Deno.test(`${name} is payload_too_large, before anything of the body is read`, async () => {
    let pulled = 0;
    const body = new ReadableStream<Bytes>({ pull: () => void pulled++ }, {
      highWaterMark: 0,
    });
    const request = post(body, { "content-length": length ?? "" });
    await assert.rejects(readJson(request), (error: Error) => {
      return error instanceof ContractError && error.code === "payload_too_large";
    });
    assert.equal(pulled, 0);
  });
}

Deno.test("65,537 bytes that come without a length are payload_too_large", async () => {
  const bytes = encoder.encode(padded(65_537));
  await refused(
    post(stream(bytes.slice(0, 65_536), bytes.slice(65_536))),
    "payload_too_large",
    /65536 bytes/,
  );
});

Deno.test("65,537 bytes with a length that lies are payload_too_large", async () => {
  await refused(post(padded(65_537), { "content-length": "10" }), "payload_too_large", /65536 bytes/);
});

const lengths: [what: string, headers: Record<string, string>][] = [
  ["", {}],
  [" with a length beside its chunks", { "content-length": "10", "transfer-encoding": "chunked" }],
  ...["", "abc", "-1", "1e3", "10, 10"].map((length): [string, Record<string, string>] => [
    ` with a length of "${length}"`,
    { "content-length": length },
  ]),
];
for (const [what, headers] of lengths) {
  Deno.test(`a body larger than 64 KiB${what} is given up there`, async () => {
    let cancelled = false;
    let chunks = 0;
    const endless = new ReadableStream<Bytes>({
      pull(controller) {
        if (++chunks === 100) controller.error(new Error("100 chunks were read"));
        else controller.enqueue(new Uint8Array(16_384));
      },
      cancel() {
        cancelled = true;
      },
    }, { highWaterMark: 0 });
    await assert.rejects(readJson(post(endless, headers)), (error: Error) => {
      return error instanceof ContractError && error.code === "payload_too_large";
    });
    assert.equal(chunks, 5);
    assert.ok(cancelled);
  });
}

/** Its length, as HTTP/1.1 has it. */
function told(body: Body): Record<string, string> {
  const length = typeof body === "string"
    ? encoder.encode(body).length
    : "length" in body
    ? body.length
    : 100;
  return { "content-length": String(length) };
}

const unreadable: [name: string, body: Body, message: RegExp][] = [
  ["that is not JSON", "agent_id=1", /it is not JSON/],
  ["that was cut", '{"a": "b', /it is not JSON/],
  ["with something after its JSON", '{"a": 1}x', /it is not JSON/],
  ["of two objects", '{"a": 1}{"b": 2}', /it is not JSON/],
  ["with single quotes", "{'a': 1}", /it is not JSON/],
  ["with NaN", '{"a": NaN}', /it is not JSON/],
  ["with a comment", '{"a": 1 /* one */}', /it is not JSON/],
  ["in UTF-16", Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0), /it is not UTF-8/],
  ["with a byte that is no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), /it is not UTF-8/],
  ["with an overlong slash", Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), /it is not UTF-8/],
  ["with a surrogate in UTF-8", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /it is not UTF-8/],
  ["cut in the middle of a character", Uint8Array.of(0x22, 0xf0, 0x9f, 0xa6), /it is not UTF-8/],
  ["that is a list", "[]", /"body" is an array, expected an object/],
  ["that is null", "null", /"body" is null, expected an object/],
  ["that is a text", '"a"', /"body" is a string, expected an object/],
  ["that is a number", "1", /"body" is a number, expected an object/],
  ["of 30,000 levels", "[".repeat(30_000) + "]".repeat(30_000), /"body" is an array, expected an object/],
  ["of 60,000 opening brackets", "[".repeat(60_000), /it is not JSON/],
];

for (const [name, body, message] of unreadable) {
  Deno.test(`a body ${name} is invalid_request`, async () => {
    await refused(post(body), "invalid_request", message);
    await refused(post(body, told(body)), "invalid_request", message);
  });
}

for (const body of ["", " ", "\n\t"]) {
  Deno.test(`a body of ${JSON.stringify(body)} is none: wanted by one, an object without fields to the other`, async () => {
    await assert.rejects(readJson(post(body)), (error: Error) => {
      return error instanceof ContractError && error.code === "invalid_request";
    });
    assert.deepEqual(await readOptionalJson(post(body)), {});
  });
}

Deno.test("no body at all is read as an empty one", async () => {
  assert.deepEqual(await readOptionalJson(new Request(url, { method: "POST" })), {});
  await assert.rejects(readJson(new Request(url, { method: "POST" })), /it is empty, expected JSON/);
});

Deno.test("a body whose length was told is read into as many bytes", async () => {
  const bytes = encoder.encode('{"a": "🦊"}');
  const asked: number[] = [];
  const chunks = [bytes.slice(0, 1), bytes.slice(1, 9), bytes.slice(9)];
  const body = byteStream({ chunks, asked, atEnd: () => assert.fail("more was read") });
  assert.deepEqual(await readJson(post(body, { "content-length": String(bytes.length) })), { a: "🦊" });
  assert.deepEqual(asked, [bytes.length, bytes.length - 1, bytes.length - 9]);
});

Deno.test("a body that is shorter than its length is invalid_request", async () => {
  const body = byteStream({
    chunks: [encoder.encode("{}")],
    atEnd: (controller) => {
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
  await assert.rejects(readJson(post(body, { "content-length": "3" })), (error: Error) => {
    return error instanceof ContractError && error.code === "invalid_request" &&
      /cut off/.test(error.message);
  });
});

const gone = new Error("connection reset");
const ofGone: [what: string, body: () => ReadableStream<Bytes>, headers: Record<string, string>][] = [
  ["", () => plainStream((controller) => controller.error(gone)), {}],
  [", in chunks with a length", () => plainStream((controller) => controller.error(gone)), told("{}")],
  [" and whose length was told", () => {
    return byteStream({ chunks: [], atEnd: (controller) => controller.error(gone) });
  }, told("{}")],
];
for (const [what, body, headers] of ofGone) {
  Deno.test(`a body whose sender goes away${what} is invalid_request, and keeps the cause for the log`, async () => {
    await assert.rejects(readJson(post(body(), headers)), (error: Error) => {
      return error instanceof ContractError && error.code === "invalid_request" &&
        /cut off/.test(error.message) && error.cause !== undefined;
    });
  });
}

const endless: [what: string, start: UnderlyingDefaultSource<Bytes> | UnderlyingByteSource, told: boolean][] =
  [
    ["of chunks", {}, false],
    ["that is not of bytes, and shorter than its length", {}, true],
    ["that is shorter than its length", { type: "bytes" }, true],
  ];
for (const [what, source, isTold] of endless) {
  Deno.test(`a body ${what}, and does not end, is given up after 10 s`, async () => {
    let cancelled = false;
    const body = new ReadableStream<Bytes>({
      ...source as UnderlyingDefaultSource<Bytes>,
      start: (controller) => controller.enqueue(encoder.encode('{"a": ')),
      cancel() {
        cancelled = true;
      },
    });
    const delays = await withoutWaiting(() => refusedOnce(post(body, isTold ? told(body) : {})));
    assert.deepEqual(delays, [10_000]);
    assert.ok(cancelled);
  });
}

Deno.test("a body that comes byte by byte has 10 s for all of it", async () => {
  const body = new ReadableStream<Bytes>({
    async pull(controller) {
      await pause(1);
      controller.enqueue(Uint8Array.of(0x20));
    },
  });
  const delays = await withoutWaiting(() => refusedOnce(post(body)), 20);
  assert.equal(delays.filter((delay) => delay === 10_000).length, 1);
  // The byte that was under way.
  await pause(5);
});

async function refusedOnce(request: Request): Promise<void> {
  await assert.rejects(
    readJson(request),
    /ContractError: Cannot read the body: it did not arrive within 10 s/,
  );
}
