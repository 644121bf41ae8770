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
const againMilliseconds = 100;
const askMilliseconds = 3000;
const answerMilliseconds = 500;

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
    let holder: Holder = "nobody";
    // Again: a holder may be about to end, and what a killed one left is removed.
    for (let tries = 0; tries < 3 && holder === "nobody"; tries++) {
      if (tries > 0) await pause(againMilliseconds);
      const listener = await listen(path);
      if (listener !== null) return hold(listener, { path, secret: claimant.secret });
      holder = await ask(path, claimant.secret);
      if (holder === "ours") throw alreadyWatched(claimant.agentId);
      if (holder === "nobody" && !isAbstract(path)) await removeFile(path);
    }
    claimant.warn(`${cannotTell}: another program holds "${path.replace("\0", "@")}"`);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    claimant.warn(`${cannotTell}: ${error.message}`);
  }
  return unclaimed;
}

export const cannotTell = "cannot tell whether another process watches over this agent, going on";

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
    // Other users ask, too. A file takes its rights from this process's mask.
    if (!isAbstract(path)) await Deno.chmod(path, 0o666);
    return listener;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
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
        if (!(error instanceof Error)) throw error;
        // Too many open files, say: nobody is answered for a while.
        if (isHeld) await pause(answerMilliseconds);
      }
    }
  };
  void answerAll();
  return {
    prove: (fresh) => void (proven = fresh),
    async release() {
      if (!isHeld) return;
      isHeld = false;
      listener.close();
      if (!isAbstract(path)) await removeFile(path);
    },
  };
}

/** One at a time: whoever asks without end holds up others who ask, and nothing else. */
async function answer(connection: Deno.UnixConn, secret: string): Promise<void> {
  await within(answerMilliseconds, connection, async () => {
    const nonce = await read(connection, nonceBytes);
    if (nonce !== null) await write(connection, await prove(secret, nonce));
  });
}

type Holder = "ours" | "stranger" | "nobody";

async function ask(path: string, secret: string): Promise<Holder> {
  const connection = await connect(path);
  if (connection === null) return "nobody";
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const proof = await within(askMilliseconds, connection, async () => {
    await write(connection, nonce);
    return await read(connection, proofBytes);
  });
  return proof !== null && await isProof(proof, { secret, nonce }) ? "ours" : "stranger";
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

/** What the talk over a connection brings before it is closed; null when it fails, or takes too long. */
async function within<Value>(
  milliseconds: number,
  connection: Deno.UnixConn,
  talk: () => Promise<Value>,
): Promise<Value | null> {
  let isOpen = true;
  const close = (): void => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  const timer = setTimeout(close, milliseconds);
  try {
    return await talk();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  } finally {
    clearTimeout(timer);
    close();
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
