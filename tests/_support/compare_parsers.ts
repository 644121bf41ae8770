import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { type Head, type ParseFault, RequestParser } from "../../cli/serve/http/parser.ts";
import { mutatedRequests } from "./mutated_requests.ts";
import type { Random } from "./seed.ts";

interface Request extends Pick<Head, "method" | "target" | "headers"> {
  /** As far as it came. */
  body: string;
  isComplete: boolean;
}

/** What a parser takes bytes for. */
interface Verdict {
  requests: Request[];
  isRefused: boolean;
}

/** Gives mutated requests to our parser, whole and in pieces, and to `node:http`, which have to agree on each. */
export async function compareParsers(rounds: number, random: Pick<Random, "next">): Promise<void> {
  await using reference = await startReference();
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(mutatedRequests(random), "latin1");
    const whole = parse([bytes]);
    assert.deepEqual(
      parse(cut(bytes, random)),
      whole,
      `in pieces: ${JSON.stringify(bytes.toString("latin1"))}`,
    );
    const theirs = await reference.read(bytes);
    assert.deepEqual(whole, theirs, `node:http: ${JSON.stringify(bytes.toString("latin1"))}`);
    if (whole.isRefused) refused += 1;
  }
  // Else the mutations would prove nothing.
  assert.ok(refused > rounds / 10 && refused < rounds * 9 / 10, `${refused} of ${rounds} were refused`);
}

function parse(pieces: readonly Uint8Array[]): Verdict {
  const requests: Request[] = [];
  const last = (): Request | undefined => requests.at(-1);
  const parser = new RequestParser({
    onBegin: () => undefined,
    onHead: ({ method, target, headers }) =>
      requests.push({ method, target, headers, body: "", isComplete: false }),
    onBody(bytes, ascii) {
      const request = last();
      const body = Buffer.from(bytes).toString("latin1");
      assert.ok(ascii === null || ascii === body, `${JSON.stringify(ascii)} for ${JSON.stringify(body)}`);
      if (request !== undefined) request.body += body;
    },
    onEnd() {
      const request = last();
      if (request !== undefined) request.isComplete = true;
    },
  });
  let fault: ParseFault | null = null;
  for (const piece of pieces) fault ??= parser.read(piece);
  parser.free();
  return { requests, isRefused: fault !== null };
}

function cut(bytes: Uint8Array, { next }: Pick<Random, "next">): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + Math.floor(next() * 20);
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** What `node:http` makes of bytes, once it has read them all. */
async function startReference(): Promise<
  AsyncDisposable & { read: (bytes: Uint8Array) => Promise<Verdict> }
> {
  let verdict: Verdict = { requests: [], isRefused: false };
  let socket: Socket | null = null;
  let hasOtherVersion = false;
  const server = createServer({ requireHostHeader: false, joinDuplicateHeaders: true });
  server.on("connection", (accepted) => socket = accepted);
  server.on("request", (incoming) => {
    // Our parser refuses HTTP/0.9 and 2.0, and reads no further.
    if (incoming.httpVersionMajor !== 1) verdict.isRefused = hasOtherVersion = true;
    if (!hasOtherVersion) verdict.requests.push(readRequest(incoming));
  });
  server.on("checkExpectation", (incoming, outgoing) => server.emit("request", incoming, outgoing));
  server.on("clientError", (_error, failed) => {
    if (failed === socket) verdict.isRefused = true;
    failed.destroy();
  });
  const port = await portOf(server);
  return {
    async read(bytes) {
      verdict = { requests: [], isRefused: false };
      socket = null;
      hasOtherVersion = false;
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(bytes);
      const hasRead = (): boolean =>
        socket !== null && (socket.destroyed || socket.bytesRead === bytes.length);
      for (let turn = 0; !hasRead() && turn < 100_000; turn++) await oneTurn();
      // What it has read of the bodies is told a turn later.
      await oneTurn();
      return verdict;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readRequest(incoming: IncomingMessage): Request {
  const { method = "", url: target = "", rawHeaders: headers } = incoming;
  const request = { method, target, headers, body: "", isComplete: false };
  incoming.on("data", (bytes: Buffer) => request.body += bytes.toString("latin1"));
  incoming.on("end", () => request.isComplete = true);
  incoming.on("error", () => undefined);
  return request;
}

async function oneTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}
