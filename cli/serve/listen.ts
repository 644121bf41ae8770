import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { getRequestListener, RequestError } from "@hono/node-server";
import { httpFault, type Refuse, refuseBroken } from "./broken_requests.ts";
import { type ConnectionLimits, hasRealSockets, limitConnections } from "./connections.ts";
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
  /** Whether it ends a connection whose header never ends, or whose reply nobody takes. */
  endsStalled: boolean;
  /** Answers requests from now on; `refuse` makes the replies to what is not HTTP as it should be. */
  handle: (handler: (request: Request, socketAddress: string) => Promise<Response>, refuse: Refuse) => void;
  /** Takes no more connections, and waits for the replies under way. */
  close: () => Promise<void>;
}

/** The limits of a connection's phases, and of what it may cost. */
export interface Limits extends ConnectionLimits {
  tlsMs: number;
  headerMs: number;
  bodyMs: number;
  idleMs: number;
  /** How many connections to hold; as many as the process may open files for, where it is not given. */
  connections?: number;
}

const usualLimits: Limits = {
  tlsMs: 10_000,
  headerMs: 10_000,
  // The handler gives up first, with a reply that says so.
  bodyMs: 11_000,
  idleMs: 15_000,
  stallMs: 10_000,
  waiting: 32,
};
const maxConnections = 5000;
const closeTimeoutMs = 10_000;

/**
 * Listens with `node:http`, because `Deno.serve` never gives up on a header or body that does not end; this
 * one closes such a connection in time (under Deno 2.9; Deno 2.4 closes it for a body only).
 *
 * @throws {StartError} when the port is taken or not permitted, or the certificate and key are not a pair.
 */
export async function listen({ hostname, port, tls }: Address, limits = usualLimits): Promise<Listener> {
  const server = makeServer(tls, limits);
  server.maxConnections = limits.connections ?? connectionLimit();
  const got = await bind(server, hostname, port);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `${tls === null ? "http" : "https"}://${host}:${got}`,
    endsStalled: hasRealSockets(server),
    handle(handler, refuse) {
      const listener = getRequestListener(
        (request, { incoming }) => {
          const fault = httpFault(incoming, server);
          if (fault === null) return handler(request, incoming.socket.remoteAddress ?? "");
          return closing(refuse(fault.status, fault.description));
        },
        {
          overrideGlobalObjects: false,
          hostname: host,
          errorHandler: (error) =>
            closing(
              error instanceof RequestError
                ? refuse(400, "Cannot read the request: its Host or path is malformed")
                : refuse(500, "Cannot answer: the service failed"),
            ),
        },
      );
      const { isBusy } = limitConnections(
        server,
        limits,
        (incoming, outgoing) => void listener(incoming, outgoing),
      );
      refuseBroken(server, { refuse, isBusy, lingerMs: limits.stallMs });
    },
    close: () => close(server),
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

/** Of what follows on the connection, nobody knows where it begins. */
function closing(reply: Response): Response {
  reply.headers.set("connection", "close");
  return reply;
}

function makeServer(tls: Address["tls"], { tlsMs, headerMs, bodyMs, idleMs }: Limits): Server {
  const options = {
    headersTimeout: headerMs,
    requestTimeout: bodyMs,
    connectionsCheckingInterval: headerMs / 10,
    keepAliveTimeout: idleMs,
    // Checked, and replied to, here.
    requireHostHeader: false,
  };
  if (tls === null) return createServer(options);
  checkPair(tls);
  const server = createTlsServer({ ...options, ...tls, handshakeTimeout: tlsMs });
  // A client without a TLS session cannot read a reply, so its connection is closed without one.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

/** `node:https` accepts any text as a certificate, and then fails at every connection; this fails now. */
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

async function bind(server: Server, hostname: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.on("error", (error) => reject(bindError(error, hostname, port)));
  server.listen({ host: hostname, port }, () => {
    const address = server.address();
    resolve(typeof address === "object" && address !== null ? address.port : port);
  });
  return await promise;
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

/** How many more files this process may open, tried out: the limit itself can be read only with every permission. */
function openableFiles(): number {
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

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  // Deno 2.4 may never call back.
  const timer = setTimeout(() => {
    server.closeAllConnections();
    resolve();
  }, closeTimeoutMs);
  await promise;
  clearTimeout(timer);
}
