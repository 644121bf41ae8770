import { pause, until } from "../_support/wait.ts";
import { memoryOf } from "./_accounting.ts";
import { allEnded, type Span } from "./_ending.ts";
import type { Fleet } from "./_fleet.ts";
import type { Measured } from "./_servers.ts";
import type { Figures, Subject } from "./_subject.ts";
import { drive } from "./_wrk.ts";

const sentAhead = 30_000;
const floods = 3;
const readers = 4;
const connections = 8;
/** More than the system takes of what nobody reads, 4 MB on Linux, and no more than may wait on a connection. */
const listsAhead = 32;
/** How long a server may take to give up connections that do not read. */
const longestMs = 60_000;

export const names = {
  flood: "others' worst beat while one sends 30,000 ahead",
  unread: "four connections that do not read",
};

/** What one client may do to the others, and to the server's memory. */
export function hostileSubjects(measured: Measured, fleet: Fleet): Subject[] {
  const common = { part: "hostile", warmSeconds: 0 } as const;
  return [
    { name: names.flood, ...common, run: (span) => flooded(measured, fleet, span) },
    { name: names.unread, ...common, run: ({ signal }) => unread(measured, signal) },
  ];
}

/** Other agents beat at a steady rate, while one connection sends all its beats at once, and again. */
async function flooded(
  { server, target }: Measured,
  fleet: Fleet,
  { seconds, signal }: Span,
): Promise<Figures> {
  const load = { kind: "beat", connections, file: fleet.file, agents: 199, rate: 400 } as const;
  const before = (await memoryOf(server.pid)).now;
  const [, token = ""] = (await Deno.readTextFile(fleet.file)).split("\n")[199]?.split(" ") ?? [];
  const beat = `POST /functions/v1/heartbeat HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Length: 2\r\n\r\n{}`;
  using watched = watchMemory(server.pid);
  const flood = async (): Promise<void> => {
    await pause(500);
    for (let flood = 0; flood < floods; flood++) {
      signal.throwIfAborted();
      await sendAll(server.url, beat.repeat(sentAhead));
      await pause(200);
    }
  };
  const others = drive(target.url, load, { seconds: seconds + 1, signal });
  const [{ requests, refused, worst }] = await allEnded([others, flood()]);
  // Of those that were sent ahead, some were recorded.
  target.note?.({ requests, refused }, connections + sentAhead * floods);
  return { worst: worst / 1000, memory: await watched.most() - before };
}

/** Sends it, and reads what comes, until the server has enough of it or has answered all. */
async function sendAll(url: string, text: string): Promise<void> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const bytes = new TextEncoder().encode(text);
  const read = drainOf(connection);
  try {
    for (let start = 0; start < bytes.length;) start += await connection.write(bytes.subarray(start));
    await connection.closeWrite();
  } catch (error) {
    if (!isEnd(error)) throw error;
  }
  await read;
}

async function drainOf(connection: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(65_536);
  try {
    while (await connection.read(bytes) !== null);
  } catch (error) {
    if (!isEnd(error)) throw error;
  }
}

/**
 * Each asks for the whole list, again and again, and takes nothing of it. The system takes some megabytes of it for
 * each, which the server sees as taken: so it is counted from the last byte that the system took.
 */
async function unread({ server }: Measured, signal: AbortSignal): Promise<Figures> {
  const { hostname, port } = new URL(server.url);
  const list = `GET /functions/v1/agents?limit=200 HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
    `apikey: ${server.operatorKey}\r\n\r\n`;
  const before = (await memoryOf(server.pid)).now;
  using watched = watchMemory(server.pid);
  const open = await Promise.all(
    Array.from({ length: readers }, () => Deno.connect({ hostname, port: Number(port) })),
  );
  const requests = new TextEncoder().encode(list.repeat(listsAhead));
  for (const connection of open) await connection.write(requests);
  const own = open.map(({ localAddr }) => "port" in localAddr ? localAddr.port : 0);
  const seen = new Map<number, { queued: string; at: number }>();
  let stoodMs = 0;
  const isGivenUp = async (): Promise<boolean> => {
    signal.throwIfAborted();
    const left = (await establishedTo(Number(port))).filter(({ remote }) => own.includes(remote));
    const at = performance.now();
    for (const { remote, queued } of left) {
      const before = seen.get(remote);
      if (before?.queued === queued) stoodMs = Math.max(stoodMs, at - before.at);
      else seen.set(remote, { queued, at });
    }
    return left.length === 0;
  };
  await until("the connections to be given up", isGivenUp, { timeoutMs: longestMs, everyMs: 100 });
  for (const connection of open) connection.close();
  return { seconds: stoodMs / 1000, memory: await watched.most() - before };
}

/**
 * The connections that stand at the server's end, by their remote ports, and what the system holds of what was written
 * to them. At the client's end, one whose data nobody takes stays as it was when the server closes it, and a read would
 * take what it is not to.
 */
async function establishedTo(port: number): Promise<{ remote: number; queued: string }[]> {
  const portOf = (address = ""): number => parseInt(address.slice(-4), 16);
  const lines = (await Deno.readTextFile("/proc/net/tcp")).split("\n").slice(1);
  return lines.map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => portOf(local) === port && state === "01")
    .map(([, , remote, , queued = ""]) => ({ remote: portOf(remote), queued }));
}

/** The most memory that a process has from now on, looked at ten times a second until the end of the block. */
function watchMemory(pid: number): { most: () => Promise<number> } & Disposable {
  let most = 0;
  const look = async (): Promise<void> => {
    most = Math.max(most, (await memoryOf(pid)).now);
  };
  const timer = setInterval(() => void look().catch(() => clearInterval(timer)), 100);
  return {
    async most() {
      await look();
      return most;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function isEnd(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted;
}
