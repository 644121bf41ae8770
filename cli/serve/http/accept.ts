import type { Source } from "./wire.ts";

/** How long to wait when the system could not give a connection: it has no file left for it. */
const restMs = 100;

/** Deno's own connections. */
export function acceptingFrom(listener: Deno.TcpListener | Deno.TlsListener): Source {
  let isClosed = false;

  async function acceptAll(take: (connection: Deno.TcpConn | Deno.TlsConn) => void): Promise<void> {
    while (!isClosed) {
      try {
        take(await listener.accept());
      } catch {
        // It was closed, or there is no file left, or the client has gone.
        if (!isClosed) await new Promise((resolve) => setTimeout(resolve, restMs));
      }
    }
  }

  return {
    port: listener.addr.port,
    start(take) {
      void acceptAll((connection) => {
        if ("setNoDelay" in connection) connection.setNoDelay();
        take(connection, connection.remoteAddr.hostname);
      });
    },
    close() {
      isClosed = true;
      listener.close();
    },
  };
}
