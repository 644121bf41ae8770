import type { Handler, Refuse } from "./http/answer.ts";
import { Connections } from "./http/connections.ts";
import { acceptingFrom } from "./http/accept.ts";
import type { ConnectionLimits } from "./http/phases.ts";
import { listenTls } from "./http/tls.ts";
import type { Source } from "./http/wire.ts";
import { StartError } from "./start_error.ts";

interface Address {
  hostname: string;
  /** 0: any free one. */
  port: number;
  tls: { cert: string; key: string } | null;
}

interface Listener {
  /** `http://127.0.0.1:54321`, with the port that it got. */
  url: string;
  /** Whether it ends a connection whose TLS handshake does not end. */
  endsHandshakes: boolean;
  /** Answers requests from now on; `refuse` makes the replies to what is not HTTP as it should be. */
  handle: (handler: Handler, refuse: Refuse) => void;
  /** Takes no more connections, and waits for the replies under way. */
  close: () => Promise<void>;
}

/** The limits of a connection's phases, and of what it may cost. */
export interface Limits extends ConnectionLimits {
  tlsMs: number;
  /** How many connections to hold; as many as the process may open files for, where it is not given. */
  connections?: number;
}

export const usualLimits: Limits = {
  tlsMs: 10_000,
  headerMs: 10_000,
  bodyMs: 10_000,
  idleMs: 15_000,
  stallMs: 10_000,
  waiting: 32,
};
export const maxConnections = 5000;
const isOld = Deno.version.deno.startsWith("2.4.");
const closeTimeoutMs = 10_000;

/**
 * Listens by itself: `Deno.serve` never gives up a header or a body that does not end, and `node:http` takes half as
 * much time again for a beat. What a request is, llhttp decides.
 *
 * @throws {StartError} when the port is taken or not permitted, or the certificate and key are not a pair.
 */
export async function listen(address: Address, limits = usualLimits): Promise<Listener> {
  const { hostname, tls } = address;
  const source = await bind(address, limits.tlsMs);
  const most = limits.connections ?? connectionLimit();
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  let connections: Connections | null = null;
  return {
    url: `${tls === null ? "http" : "https"}://${host}:${source.port}`,
    endsHandshakes: tls === null || !isOld,
    handle(handler, refuse) {
      connections = new Connections(source, { most, limits, handler, refuse });
    },
    async close() {
      source.close();
      await connections?.close(closeTimeoutMs);
    },
  };
}

/**
 * Refuses a port that is taken or not permitted before anything is made for a server that cannot start.
 *
 * @throws {StartError} as `listen` would
 */
export function assertFree({ hostname, port }: Pick<Address, "hostname" | "port">): void {
  try {
    Deno.listen({ hostname, port }).close();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw bindError(error, hostname, port);
  }
}

async function bind({ hostname, port, tls }: Address, handshakeMs: number): Promise<Source> {
  if (tls !== null) checkPair(tls);
  try {
    if (tls === null) return acceptingFrom(Deno.listen({ hostname, port }));
    if (isOld) return acceptingFrom(Deno.listenTls({ hostname, port, ...tls }));
    return await listenTls({ hostname, port, ...tls, handshakeMs });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw bindError(error, hostname, port);
  }
}

/** `node:tls` accepts any text as a certificate, and then fails at every connection; this fails now. */
function checkPair({ cert, key }: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
  } catch (error) {
    throw new StartError(
      "Cannot use the TLS certificate and key: they are not a pair",
      "give the two files in PEM",
      { failure: "usage", cause: error },
    );
  }
}

function bindError(error: Error, hostname: string, port: number): StartError {
  const code = "code" in error ? error.code : "";
  const inUse = error instanceof Deno.errors.AddrInUse || code === "EADDRINUSE";
  const isPort = inUse || error instanceof Deno.errors.PermissionDenied || code === "EACCES";
  const what = inUse ? "something else is listening there" : error.message;
  const hint = isPort ? "name another port with --port" : "name an address of this host with --host";
  return new StartError(`Cannot listen on ${hostname} port ${port}: ${what}`, hint, {
    cause: error,
    ...(inUse ? { failure: "conflict" } : {}),
  });
}

/**
 * How many connections to hold at most: once Deno has run out of files, it never accepts a connection again. Half of
 * the files that may be opened, because a connection that is turned away has one for a moment, too.
 */
function connectionLimit(): number {
  return Math.max(16, Math.floor(openableFiles() / 2));
}

let openable: number | null = null;

/**
 * How many more files this process may open, tried out once: the limit itself can be read only with every permission.
 * For a moment there may be none left for anybody else in the process.
 */
function openableFiles(): number {
  return openable ??= countOpenable();
}

function countOpenable(): number {
  // The shorter the path, the less an open costs; Windows opens no folder.
  const path = Deno.build.os === "windows" ? Deno.execPath() : "/";
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < 2 * maxConnections) files.push(Deno.openSync(path));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EMFILE")) throw error;
  } finally {
    for (const file of files) file.close();
  }
  return files.length;
}
