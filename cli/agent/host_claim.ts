import { CliError, isErrno } from "../terminal/errors.ts";

/** This process's claim to be the only one of its host that watches over an agent. */
export interface HostClaim {
  /** From now on it is proven with this secret. */
  prove: (secret: string) => void;
  release: () => void;
}

/** An identity as it is stored; its holder may be proven with the secret of `next`, or still with the older one. */
export interface KnownIdentity {
  agentId: string;
  secret: string;
  next?: { secret: string } | null | undefined;
}

interface Claimant extends KnownIdentity {
  warn: (text: string) => void;
}

const nonceBytes = 32;
const proofBytes = 32;
const mostTries = 6;
const againMilliseconds = 50;
const askMilliseconds = 1000;
const answerMilliseconds = 500;
const restMilliseconds = 20;

/**
 * Keeps a second process on this host from watching over the same agent, whichever user runs it and wherever it
 * keeps its state: an abstract Unix socket named after the agent, which one process can hold and every user can ask
 * at. Its holder proves with the agent's secret that it is one of ours: HMAC-SHA256 over a nonce of the process that
 * asks. A holder without the proof costs one warning, or any user of the host could keep the agent down. Only Linux
 * has such sockets: elsewhere nothing is claimed.
 *
 * @throws {CliError} `conflict` when another process proves that it watches over the agent
 */
export async function claimHost(claimant: Claimant, os = Deno.build.os): Promise<HostClaim> {
  if (os !== "linux") return unclaimed;
  const path = socketOf(claimant.agentId);
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

/** The name of the abstract socket; only Linux has them. */
export function socketOf(agentId: string): string {
  return `\0openclaw-monitor-${agentId}`;
}

/** Null when another program has the socket. A holder that is about to begin or to end is asked again. */
async function take({ agentId, secret, next }: Claimant, path: string): Promise<HostClaim | null> {
  for (let tries = 0; tries < mostTries; tries++) {
    if (tries > 0) await pause(againMilliseconds * (1 + Math.random()));
    const listener = listen(path);
    if (listener !== null) return hold(listener, secret);
    const holder = await ask(path, next ? [secret, next.secret] : [secret]);
    if (holder === "ours") throw alreadyWatched(agentId);
    if (holder === "stranger") return null;
  }
  return null;
}

const cannotTell = "cannot tell whether another process watches over this agent, going on";

export function alreadyWatched(agentId: string): CliError {
  const message = `Cannot watch over agent ${agentId}: another process on this host does so already`;
  return new CliError("conflict", message, { hint: "openclaw status" });
}

const unclaimed: HostClaim = { prove: () => undefined, release: () => undefined };

/** Null when another process has the socket, or had it a moment ago. */
function listen(path: string): Deno.Listener | null {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
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

/** One at a time, and few in a second: a program that asks without end holds up others that ask, not the beats. */
async function answer(connection: Deno.Conn, secret: string): Promise<void> {
  await within(answerMilliseconds, connection, async () => {
    const nonce = await read(connection, nonceBytes);
    if (nonce !== null) await write(connection, await prove(secret, nonce));
  });
}

/** `gone`: it broke off, as one does that ends. */
type Holder = "ours" | "stranger" | "nobody" | "gone";

async function ask(path: string, secrets: readonly string[]): Promise<Holder> {
  const connection = await connect(path);
  if (connection === null) return "nobody";
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const proof = await within(askMilliseconds, connection, async () => {
    await write(connection, nonce);
    return await read(connection, proofBytes);
  });
  if (proof === null) return "gone";
  if (proof === "late") return "stranger";
  for (const secret of secrets) if (await isProof(proof, { secret, nonce })) return "ours";
  return "stranger";
}

/** Null when nobody listens there any more. One that takes no more calls is an error: the system says so at once. */
async function connect(path: string): Promise<Deno.Conn | null> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (isErrno(error, "ECONNREFUSED", "ECONNRESET")) return null;
    throw error;
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
