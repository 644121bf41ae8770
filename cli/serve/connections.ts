import { Buffer } from "node:buffer";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What one connection may cost. */
export interface ConnectionLimits {
  /** How many requests may wait behind the one under way. */
  waiting: number;
  /** How long nothing of a reply may be taken. */
  stallMs: number;
}

type Begin = (incoming: IncomingMessage, outgoing: ServerResponse) => void;
type Turn = [incoming: IncomingMessage, outgoing: ServerResponse];
type Taken = (error?: Error | null) => void;

interface Connection {
  socket: Socket;
  /** The request under way, and those that wait behind it. */
  turns: Turn[];
  isPaused: boolean;
  /** Since when the bytes that were last written have not been taken; null when nothing is to be taken. */
  writingSince: number | null;
}

/** What is given to the system at once: a reader that takes this much within the limit is not given up. */
const pieceBytes = 16_384;

/**
 * Begins one request of a connection at a time: the next one after the last byte of the reply went out. A connection
 * is not read while a request of it waits, so that it holds what came in one read at most; one on which too many
 * wait, or of whose reply nothing is taken for too long, is closed.
 *
 * `node:http` does neither: it begins all that a client sends ahead, and keeps their replies until they are read.
 * Under Deno 2.4 (see `hasRealSockets`) the server begins one at a time itself, and a reply that nobody takes stays.
 *
 * @returns whether a request of this socket's connection is under way
 */
export function limitConnections(
  server: Server,
  limits: ConnectionLimits,
  begin: Begin,
): { isBusy: (socket: unknown) => boolean } {
  const known = new WeakMap<Socket, Connection>();
  const active = new Set<Connection>();
  const isReal = hasRealSockets(server);

  function start(connection: Connection): void {
    const [turn] = connection.turns;
    if (turn === undefined) return void active.delete(connection);
    active.add(connection);
    turn[1].once("close", () => {
      connection.turns.shift();
      connection.writingSince = null;
      if (connection.socket.destroyed) connection.turns.length = 0;
      start(connection);
    });
    if (connection.turns.length === 1) readOn(connection);
    begin(...turn);
  }

  server.on("request", (...turn: Turn) => {
    const { socket } = turn[0];
    const connection = known.get(socket) ?? { socket, turns: [], isPaused: false, writingSince: null };
    if (isReal && !known.has(socket)) watchWrites(connection);
    known.set(socket, connection);
    if (socket.destroyed) return;
    if (connection.turns.push(turn) === 1) start(connection);
    else if (connection.turns.length > limits.waiting + 1) socket.destroy();
    else readNoFurther(connection);
  });
  if (isReal) {
    const timer = setInterval(() => endStalled(active, limits.stallMs), limits.stallMs / 10);
    server.on("close", () => clearInterval(timer));
  }
  return { isBusy: (socket) => [...active].some((connection) => connection.socket === socket) };
}

/** Whether the server has sockets that can be watched and closed, as under Deno 2.9; under Deno 2.4 it has none. */
export function hasRealSockets(server: Server): boolean {
  return "connectionsCheckingInterval" in server;
}

function readNoFurther(connection: Connection): void {
  connection.isPaused = true;
  connection.socket.pause();
}

/** The rest of the body of the last request that came is still to be read. */
function readOn(connection: Connection): void {
  if (!connection.isPaused) return;
  connection.isPaused = false;
  connection.socket.resume();
}

/** Writes in pieces, and notes since when the one under way has not been taken. */
function watchWrites(connection: Connection): void {
  const { socket } = connection;
  const write = socket._write.bind(socket);
  const put = (bytes: Uint8Array, taken: Taken): void => {
    connection.writingSince = performance.now();
    const done: Taken = (error) => {
      connection.writingSince = null;
      if (error || bytes.length <= pieceBytes) taken(error);
      else put(bytes.subarray(pieceBytes), taken);
    };
    // "buffer" is what streams call the encoding of bytes, and no type knows it.
    Reflect.apply(write, socket, [bytes.subarray(0, pieceBytes), "buffer", done]);
  };
  socket._write = (chunk, encoding, taken) => put(bytesOf(chunk, encoding), taken);
  socket._writev = (chunks, taken) =>
    put(Buffer.concat(chunks.map(({ chunk, encoding }) => bytesOf(chunk, encoding))), taken);
}

function bytesOf(chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
}

function endStalled(active: ReadonlySet<Connection>, stallMs: number): void {
  const now = performance.now();
  for (const connection of active) {
    // Deno writes a reply that is one string, or has no body, past the socket's own `_write`.
    if (connection.turns[0]?.[1].writableEnded) connection.writingSince ??= now;
    if (now - (connection.writingSince ?? now) >= stallMs) connection.socket.destroy();
  }
}
