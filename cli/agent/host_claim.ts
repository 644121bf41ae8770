import { CliError, isErrno } from "../errors.ts";
import { removeFile } from "../private_file.ts";

/** This process's claim to be the only one of its host that watches over an agent. */
export interface HostClaim {
  /** From now on it is proven with this secret. */
  prove: (secret: string) => void;
  release: () => Promise<void>;
}

interface Claimant {
  agentId: string;
  secret: string;
  warn: (text: string) => void;
}

const nonceBytes = 32;
const proofBytes = 32;
const mostTries = 5;
const againMilliseconds = 50;
const askMilliseconds = 1000;
const answerMilliseconds = 500;
const restMilliseconds = 20;

/**
 * Keeps a second process on this host from watching over the same agent, whichever user runs it and wherever it
 * keeps its state: a Unix socket named after the agent (abstract on Linux, a file on macOS; Windows has none that
 * Deno opens, and nothing is claimed there). Its holder proves with the agent's secret that it is one of ours:
 * HMAC-SHA256 over a nonce of who asks. Whoever holds the place without the proof costs one warning, or any user
 * of the host could keep the agent down.
 *
 * @throws {CliError} `conflict` when another process proves that it watches over the agent
 */
export async function claimHost(
  claimant: Claimant,
  path: string | null = placeOf(claimant.agentId),
): Promise<HostClaim> {
  if (path === null) return unclaimed;
  try {
    const claim = await take(claimant, path);
    if (claim !== null) return claim;
    claimant.warn(`${cannotTell}: another program holds "${path.replace("\0", "@")}"`);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    claimant.warn(`${cannotTell}: ${error.message}`);
  }
  return unclaimed;
}

/** Null when somebody else has the place. A holder that is about to begin or to end is asked again. */
async function take({ agentId, secret }: Claimant, path: string): Promise<HostClaim | null> {
  let refusing: string | null = null;
  for (let tries = 0; tries < mostTries; tries++) {
    if (tries > 0) await pause(againMilliseconds * (1 + Math.random()));
    const listener = await listen(path);
    if (listener !== null) return hold(listener, { path, secret });
    const holder = await ask(path, secret);
    if (holder === "ours") throw alreadyWatched(agentId);
    if (holder === "stranger") return null;
    refusing = holder === "nobody" && !isAbstract(path) ? removeStale(path, refusing) : null;
  }
  return null;
}

/**
 * Removes a file that refused twice, as one does that a killed process left; the first time, it may be one that does
 * not listen yet. At a stretch, or it could be another's by now. Which one it is, where it stays.
 */
function removeStale(path: string, refusing: string | null): string | null {
  try {
    const { ino, mtime } = Deno.lstatSync(path);
    const file = `${ino} ${mtime?.getTime()}`;
    if (file !== refusing) return file;
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return null;
}

const cannotTell = "cannot tell whether another process watches over this agent, going on";

export function alreadyWatched(agentId: string): CliError {
  const message = `Cannot watch over agent ${agentId}: another process on this host does so already`;
  return new CliError("conflict", message, { hint: "openclaw status" });
}

const unclaimed: HostClaim = { prove: () => undefined, release: () => Promise.resolve() };

function placeOf(agentId: string): string | null {
  const name = `openclaw-monitor-${agentId}`;
  if (Deno.build.os === "linux") return `\0${name}`;
  return Deno.build.os === "darwin" ? `/tmp/${name}` : null;
}

function isAbstract(path: string): boolean {
  return path.startsWith("\0");
}

/** Null when somebody has the place, or had it. */
async function listen(path: string): Promise<Deno.UnixListener | null> {
  try {
    const listener = Deno.listen({ transport: "unix", path });
    if (!isAbstract(path)) await openToAll(listener, path);
    return listener;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    throw error;
  }
}

/** Other users ask, too. A file takes its rights from this process's mask. */
async function openToAll(listener: Deno.UnixListener, path: string): Promise<void> {
  try {
    await Deno.chmod(path, 0o666);
  } catch (error) {
    listener.close();
    throw error;
  }
}

function hold(listener: Deno.UnixListener, { path, secret }: { path: string; secret: string }): HostClaim {
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
    async release() {
      if (!isHeld) return;
      isHeld = false;
      listener.close();
      if (!isAbstract(path)) await removeIfMay(path);
    },
  };
}

/** Who may not, or finds another's there, leaves it: the next claim is not held up by it. */
async function removeIfMay(path: string): Promise<void> {
  try {
    await removeFile(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** One at a time, and few in a second: whoever asks without end holds up others who ask, not the beats. */
async function answer(connection: Deno.UnixConn, secret: string): Promise<void> {
  await within(answerMilliseconds, connection, async () => {
    const nonce = await read(connection, nonceBytes);
    if (nonce !== null) await write(connection, await prove(secret, nonce));
  });
}

/** `gone`: it broke off, as one does that ends. */
type Holder = "ours" | "stranger" | "nobody" | "gone";

async function ask(path: string, secret: string): Promise<Holder> {
  const connection = await connect(path);
  if (connection === null) return "nobody";
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const proof = await within(askMilliseconds, connection, async () => {
    await write(connection, nonce);
    return await read(connection, proofBytes);
  });
  if (proof === null) return "gone";
  return proof !== "late" && await isProof(proof, { secret, nonce }) ? "ours" : "stranger";
}

/** Null when nobody listens there. */
async function connect(path: string): Promise<Deno.UnixConn | null> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (isErrno(error, "ECONNREFUSED", "ECONNRESET", "ENOENT")) return null;
    throw error;
  }
}

/** What the talk over a connection brings before it is closed; null when it breaks off. */
async function within<Value>(
  milliseconds: number,
  connection: Deno.UnixConn,
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

async function read(connection: Deno.UnixConn, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const more = await connection.read(bytes.subarray(filled));
    if (more === null) return null;
    filled += more;
  }
  return bytes;
}

async function write(connection: Deno.UnixConn, bytes: Uint8Array): Promise<void> {
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
