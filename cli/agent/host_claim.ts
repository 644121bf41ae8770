import { CliError, isErrno } from "../terminal/errors.ts";

/** This process's claim to be the only one of its host that watches over an agent. */
export interface HostClaim {
  /** From now on it is proven with this secret. */
  prove: (secret: string) => void;
  release: () => void;
}

/** Where a claim is made. */
export type Place = { transport: "unix"; path: string } | {
  transport: "tcp";
  hostname: "127.0.0.1";
  port: number;
};

interface Claimant {
  agentId: string;
  secret: string;
  warn: (text: string) => void;
}

const nonceBytes = 32;
const proofBytes = 32;
const mostTries = 6;
const againMilliseconds = 50;
/** Windows tries for a while before it says that nobody listens. */
const connectMilliseconds = 5000;
const askMilliseconds = 1000;
const answerMilliseconds = 500;
const restMilliseconds = 20;

/**
 * Keeps a second process on this host from watching over the same agent, whichever user runs it and wherever it
 * keeps its state: a place named after the agent, which one process can hold and every user can ask at. Its holder
 * proves with the agent's secret that it is one of ours: HMAC-SHA256 over a nonce of who asks. Whoever holds the
 * place without the proof costs one warning, or any user of the host could keep the agent down.
 *
 * @throws {CliError} `conflict` when another process proves that it watches over the agent
 */
export async function claimHost(claimant: Claimant, place = placeOf(claimant.agentId)): Promise<HostClaim> {
  try {
    const claim = await take(claimant, place);
    if (claim !== null) return claim;
    claimant.warn(`${cannotTell}: another program holds ${describe(place)}`);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    claimant.warn(`${cannotTell}: ${error.message}`);
  }
  return unclaimed;
}

/** Null when somebody else has the place. A holder that is about to begin or to end is asked again. */
async function take({ agentId, secret }: Claimant, place: Place): Promise<HostClaim | null> {
  // A port that another program has at every address could be taken from it at this one.
  let isFree = place.transport === "unix";
  for (let tries = 0; tries < mostTries; tries++) {
    if (tries > 0) await pause(againMilliseconds * (1 + Math.random()));
    const listener = isFree ? listen(place) : null;
    if (listener !== null) return hold(listener, secret);
    const holder = await ask(place, secret);
    if (holder === "ours") throw alreadyWatched(agentId);
    if (holder === "stranger") return null;
    isFree ||= holder === "nobody";
  }
  return null;
}

const cannotTell = "cannot tell whether another process watches over this agent, going on";

export function alreadyWatched(agentId: string): CliError {
  const message = `Cannot watch over agent ${agentId}: another process on this host does so already`;
  return new CliError("conflict", message, { hint: "openclaw status" });
}

const unclaimed: HostClaim = { prove: () => undefined, release: () => undefined };

/** Below those that macOS and Windows hand out by themselves. */
const ports = { first: 16384, count: 16384 };

/** On Linux an abstract Unix socket. Others have none, and a socket's file outlives its process: a loopback port. */
export function placeOf(agentId: string, os: typeof Deno.build.os = Deno.build.os): Place {
  if (os === "linux") return { transport: "unix", path: `\0openclaw-monitor-${agentId}` };
  const port = ports.first + Number.parseInt(agentId.slice(-4), 16) % ports.count;
  return { transport: "tcp", hostname: "127.0.0.1", port };
}

function describe(place: Place): string {
  return place.transport === "unix"
    ? `"${place.path.replace("\0", "@")}"`
    : `${place.hostname}:${place.port}`;
}

/** Null when somebody has the place, or had it. */
function listen(place: Place): Deno.Listener | null {
  try {
    return place.transport === "unix" ? Deno.listen(place) : Deno.listen(place);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    // So Windows calls it where another user, or the system itself, has the port.
    if (error instanceof Deno.errors.PermissionDenied && place.transport === "tcp") return null;
    throw error;
  }
}

function hold(listener: Deno.Listener, secret: string): HostClaim {
  let proven = secret;
  let isHeld = true;
  const answerAll = async (): Promise<void> => {
    while (isHeld) {
      try {
        await answer(await listener.accept(), proven);
      } catch (error) {
        // Too many open files, say: the next one is tried after a rest.
        if (!(error instanceof Error)) throw error;
      }
      if (isHeld) await pause(restMilliseconds);
    }
  };
  void answerAll();
  return {
    prove: (fresh) => void (proven = fresh),
    release() {
      if (!isHeld) return;
      isHeld = false;
      listener.close();
    },
  };
}

/** One at a time, and few in a second: whoever asks without end holds up others who ask, not the beats. */
async function answer(connection: Deno.Conn, secret: string): Promise<void> {
  await within(answerMilliseconds, connection, async () => {
    const nonce = await read(connection, nonceBytes);
    if (nonce !== null) await write(connection, await prove(secret, nonce));
  });
}

/** `gone`: it broke off, as one does that ends. */
type Holder = "ours" | "stranger" | "nobody" | "gone";

async function ask(place: Place, secret: string): Promise<Holder> {
  const connection = await connect(place);
  if (connection === null) return "nobody";
  if (connection === "late") return "stranger";
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const proof = await within(askMilliseconds, connection, async () => {
    await write(connection, nonce);
    return await read(connection, proofBytes);
  });
  if (proof === null) return "gone";
  return proof !== "late" && await isProof(proof, { secret, nonce }) ? "ours" : "stranger";
}

/** Null when nobody listens there; `late` when who listens there takes no more calls. */
async function connect(place: Place): Promise<Deno.Conn | "late" | null> {
  const calling = place.transport === "unix" ? Deno.connect(place) : Deno.connect(place);
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), connectMilliseconds);
  try {
    const connection = await Promise.race([calling, late]);
    if (connection === "late") calling.then((one) => one.close(), () => undefined);
    return connection;
  } catch (error) {
    if (isErrno(error, "ECONNREFUSED", "ECONNRESET")) return null;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What the talk over a connection brings before it is closed; null when it breaks off. */
async function within<Value>(
  milliseconds: number,
  connection: Deno.Conn,
  talk: () => Promise<Value>,
): Promise<Value | "late" | null> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.close();
  }, milliseconds);
  try {
    return await talk();
  } catch (error) {
    if (error instanceof Error) return isLate ? "late" : null;
    throw error;
  } finally {
    clearTimeout(timer);
    if (!isLate) connection.close();
  }
}

async function read(connection: Deno.Conn, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const more = await connection.read(bytes.subarray(filled));
    if (more === null) return null;
    filled += more;
  }
  return bytes;
}

async function write(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await connection.write(bytes.subarray(written));
}

async function prove(secret: string, nonce: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", await keyOf(secret), labelled(nonce)));
}

async function isProof(
  proof: Uint8Array<ArrayBuffer>,
  { secret, nonce }: { secret: string; nonce: Uint8Array },
): Promise<boolean> {
  return await crypto.subtle.verify("HMAC", await keyOf(secret), proof, labelled(nonce));
}

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret);
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

/** What is signed here is good for nothing else. */
function labelled(nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...new TextEncoder().encode("openclaw monitor\n"), ...nonce]);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
