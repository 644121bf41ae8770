import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Source, Wire } from "./wire.ts";

/**
 * Connections with TLS, from `node:tls`: one of `Deno.listenTls` whose handshake does not end cannot be closed. Deno
 * 2.4 has no `node:tls` that listens.
 *
 * @throws as `listen` of `node:tls` does
 */
export async function listenTls(
  { hostname, port, cert, key, handshakeMs }: {
    hostname: string;
    port: number;
    cert: string;
    key: string;
    handshakeMs: number;
  },
): Promise<Source> {
  const server = createServer({ cert, key, handshakeTimeout: handshakeMs });
  // A client without a TLS session cannot read a reply, so its connection is closed without one.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject);
  server.listen({ host: hostname, port }, resolve);
  await promise;
  return {
    port: portOf(server) ?? port,
    start(take, most) {
      const handshakes = new Handshakes(most / 2);
      server.on("connection", (socket) => handshakes.begin(socket));
      server.on("secureConnection", (socket) => {
        handshakes.end(peerOf(socket));
        take(new TlsWire(socket), socket.remoteAddress ?? "");
      });
    },
    close: () => void server.close(),
  };
}

/** Those under way: for one too many, the oldest is given up, so that silent ones keep nobody out. */
class Handshakes {
  readonly #most: number;
  /** By the peer's address, in the order in which they came. */
  readonly #underWay = new Map<string, Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  begin(socket: Socket): void {
    const peer = peerOf(socket);
    this.#underWay.set(peer, socket);
    socket.once("close", () => this.end(peer));
    const [oldest] = this.#underWay.values();
    if (this.#underWay.size > this.#most) oldest?.destroy();
  }

  end(peer: string): void {
    this.#underWay.delete(peer);
  }
}

/** The socket of TLS is another one than that below it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

class TlsWire implements Wire {
  readonly isTls = true;
  readonly #socket: TLSSocket;
  #failure: Error | null = null;
  #hasEnded = false;
  #wake: (() => void) | null = null;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("readable", () => this.#wake?.());
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wake?.();
    });
    socket.on("error", (error) => this.#failure = error);
    socket.on("close", () => {
      this.#failure ??= new Error("the connection was closed");
      this.#wake?.();
    });
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (true) {
      const available = Math.min(into.length, this.#socket.readableLength);
      const bytes: Uint8Array | null = available > 0 ? this.#socket.read(available) : null;
      if (bytes !== null) {
        into.set(bytes);
        return bytes.length;
      }
      if (this.#hasEnded) return null;
      if (this.#failure !== null) throw this.#failure;
      // Without this, nothing more is asked of the system, and the end is not told.
      this.#socket.read(0);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    await promise;
    return bytes.length;
  }

  async closeWrite(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.end(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }
}
