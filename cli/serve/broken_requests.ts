import { Buffer } from "node:buffer";
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { hasRealSockets } from "./connections.ts";

/** Makes the reply to a request that HTTP itself refuses. */
export type Refuse = (status: number, description: string) => Response;

/** What is wrong with a request as HTTP, which `node:http` takes all the same; null when nothing is. */
export function httpFault(
  { rawHeaders, httpVersion, headers }: Pick<IncomingMessage, "rawHeaders" | "httpVersion" | "headers">,
  server: Server,
): { status: number; description: string } | null {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length;
  // Deno 2.4 calls every version 1.1.
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1" && hasRealSockets(server))) {
    return {
      status: 400,
      description: `Cannot read the request: it has ${hosts} Host headers, expected one`,
    };
  }
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) {
    return {
      status: 400,
      description: "Cannot read the request: HTTP/1.0 has no Transfer-Encoding, expected a Content-Length",
    };
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== "100-continue") {
    return {
      status: 417,
      description: "Cannot read the request: the only Expect that is known is 100-continue",
    };
  }
  return null;
}

/** Replies to what `node:http` cannot read in the shape of every error, and closes the connection. */
export function refuseBroken(
  server: Server,
  { refuse, isBusy, lingerMs }: { refuse: Refuse; isBusy: (socket: unknown) => boolean; lingerMs: number },
): void {
  // Else it would be answered without its turn, and without a body.
  server.on("checkExpectation", (incoming, outgoing) => server.emit("request", incoming, outgoing));
  server.on("clientError", (error, socket) => {
    const code = "code" in error ? String(error.code) : "";
    if (!socket.writable || code === "ECONNRESET" || isBusy(socket)) return void socket.destroy();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
    void end(socket, refuse(...faultOf(code)));
  });
}

function faultOf(code: string): [status: number, description: string] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "Cannot read the request: it did not arrive in time"];
  if (code === "HPE_HEADER_OVERFLOW") {
    return [431, "Cannot read the request: its headers are larger than 16 KiB"];
  }
  return [400, "Cannot read the request: it is not HTTP/1.1"];
}

async function end(socket: Duplex, reply: Response): Promise<void> {
  const body = Buffer.from(await reply.arrayBuffer());
  const head = [
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ""}`,
    ...Array.from(reply.headers, ([name, value]) => `${name}: ${value}`),
    `content-length: ${body.length}`,
    "connection: close",
    "\r\n",
  ].join("\r\n");
  socket.end(Buffer.concat([Buffer.from(head), body]), () => socket.destroy());
}
