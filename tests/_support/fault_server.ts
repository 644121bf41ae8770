import { pause } from "./wait.ts";
import { agentId } from "./vectors.ts";

/** A request as it came in. */
export interface Caught {
  at: number;
  method: string;
  path: string;
  headers: string;
  body: string;
}

/** What the server does with a request: answer it, or one of the things that servers should not do. */
export type Fault =
  | { status: number; body: string; headers?: Record<string, string>; afterMilliseconds?: number }
  | "hang"
  | "cut"
  | "slow bytes"
  | "garbage";

/** Decides on a fault, or a reply, by the request and its number, from 0. */
export type Answer = (caught: Caught, index: number) => Fault;

export interface FaultServer extends Disposable {
  url: string;
  caught: Caught[];
  /** Resolves when this many requests have come. */
  until: (requests: number) => Promise<void>;
  close: () => void;
}

/**
 * An HTTP server by hand, so that it can do what no HTTP library lets it do. `using server = startFaultServer(…)`
 * closes it at the end of the block.
 */
export function startFaultServer(answer: Answer): FaultServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const caught: Caught[] = [];
  const open = new Set<Deno.Conn>();
  const waiting = new Set<() => void>();
  let isClosed = false;
  const handle = async (connection: Deno.Conn): Promise<void> => {
    open.add(connection);
    try {
      const request = await readRequest(connection);
      if (request === null) return;
      caught.push(request);
      for (const wake of waiting) wake();
      const fault = answer(request, caught.length - 1);
      if (fault === "hang") return void await new Promise<void>((resolve) => waiting.add(resolve));
      await perform(connection, fault);
    } catch (error) {
      // The other side went away; what else is thrown is a fault of the test.
      const gone = error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
        error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.NotConnected;
      if (!gone) throw error;
    } finally {
      if (open.delete(connection)) connection.close();
    }
  };
  const accept = async (): Promise<void> => {
    for await (const connection of listener) void handle(connection);
  };
  void accept();
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    listener.close();
    for (const wake of waiting) wake();
    for (const connection of open) {
      open.delete(connection);
      connection.close();
    }
  };
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    caught,
    async until(requests) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(
        () => reject(new Error(`only ${caught.length} of ${requests} requests came`)),
        120_000,
      );
      const look = (): void => {
        if (caught.length >= requests) resolve();
      };
      waiting.add(look);
      look();
      await promise;
      clearTimeout(timer);
      waiting.delete(look);
    },
    close,
    [Symbol.dispose]: close,
  };
}

export function ours(body: Record<string, unknown>, status = 200): Fault {
  return { status, body: JSON.stringify(body) };
}

/** A handshake's reply, as ours are. */
export function greets(more: Record<string, unknown> = {}): Fault {
  return ours({
    token: "eyJraWQiOiJrIn0.e30.sig",
    token_type: "Bearer",
    expires_in: 900,
    refresh_in: 700,
    heartbeat_interval_seconds: 2,
    next_heartbeat_in: 0,
    agent: { id: agentId, name: "edge 1" },
    server_time: new Date().toISOString(),
    ...more,
  });
}

export function accepts(nextHeartbeatIn = 1): Fault {
  return ours({
    ok: true,
    next_heartbeat_in: nextHeartbeatIn,
    heartbeat_interval_seconds: 2,
    server_time: new Date().toISOString(),
  });
}

/** Greets every handshake, and answers beats as it is told; by default it accepts them. */
export function handshakesAndBeats(beat: Answer = () => accepts()): Answer {
  return (caught, index) => isHandshake(caught) ? greets() : beat(caught, index);
}

export function isHandshake({ path }: Caught): boolean {
  return path.endsWith("/handshake");
}

export function handshakesOf({ caught }: FaultServer): Caught[] {
  return caught.filter(isHandshake);
}

export function beatsOf({ caught }: FaultServer): Caught[] {
  return caught.filter(({ path }) => path.endsWith("/heartbeat"));
}

export function refuses(error: string, status = 401): Fault {
  return ours({ error, error_description: `Cannot do it: ${error}`, request_id: "r" }, status);
}

async function perform(connection: Deno.Conn, fault: Exclude<Fault, "hang">): Promise<void> {
  if (fault === "garbage") return await write(connection, "\x00\x01this is not HTTP\r\n\r\n");
  if (fault === "cut") {
    return await write(connection, 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"token":');
  }
  if (fault === "slow bytes") {
    await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n");
    for (let byte = 0; byte < 500; byte++) {
      await write(connection, " ");
      await pause(1000);
    }
    return;
  }
  const { status, body, headers = {}, afterMilliseconds = 0 } = fault;
  if (afterMilliseconds > 0) await pause(afterMilliseconds);
  const lines = Object.entries({
    "content-type": "application/json",
    "content-length": String(new TextEncoder().encode(body).length),
    connection: "close",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  await write(connection, `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n${body}`);
}

async function write(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += await connection.write(bytes.subarray(written));
}

async function readRequest(connection: Deno.Conn): Promise<Caught | null> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  let text = "";
  while (true) {
    const length = await connection.read(buffer);
    if (length === null) return null;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const headers = text.slice(0, end);
    const body = text.slice(end + 4);
    if (new TextEncoder().encode(body).length < Number(/content-length: (\d+)/i.exec(headers)?.[1] ?? 0)) {
      continue;
    }
    const [method = "", path = ""] = headers.split(" ");
    return { at: performance.now() / 1000, method, path, headers, body };
  }
}
