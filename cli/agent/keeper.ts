import {
  type Client,
  type Credentials,
  type HandshakeReply,
  type Limits,
  type Outcome,
  rotateSecret,
} from "../api/agent.ts";
import { formatCredentials, readStoredAt, type StoredCredentials } from "../identity/credentials.ts";
import { lockCredentials } from "../identity/credentials_lock.ts";
import { secretFault } from "../identity/secret.ts";
import type { Setup } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { writePrivateFile } from "../host/private_file.ts";
import { greet, isVerdict } from "./greet.ts";
import type { LiveSetup } from "./reload.ts";

/** What came of the wish for another identity. */
export type Change =
  /** It is the identity now: a handshake with it was accepted. */
  | { kind: "changed"; greeting: HandshakeReply }
  /** The credentials file may hold another identity than this process knows: it has to be read again. */
  | { kind: "other"; reason: string }
  | { kind: "failed"; reason: string; retryAfter: number };

interface Means {
  current: LiveSetup;
  process: Client & Pick<Limits, "timeoutMs">;
  /** What keeps another identity from being stored, or null. */
  unreplaceable: (setup: Pick<Setup, "identity">) => Promise<string | null>;
  warn: (text: string) => void;
}

/** What this program can do, as a handshake says it. */
export const abilities = ["adopt", "rotate"] as const;

/**
 * Keeps an agent's identity: shakes hands with it, and puts another one in its place. Killed at any moment, the
 * credentials file holds one that the server takes: the new one is stored beside the old one, used, and only then is
 * the old one forgotten.
 */
export class Keeper {
  readonly #means: Means;
  /** What kept another identity from being stored when it was tried. */
  #fault: string | null = null;

  constructor(means: Means) {
    this.#means = means;
  }

  /** What keeps this process from storing another identity, or null. */
  async unreplaceable(): Promise<string | null> {
    return this.#fault ?? await this.#means.unreplaceable(this.#means.current.setup);
  }

  /** One handshake, as `greet` makes it. What it settles is forgotten: see `#settle`. */
  async handshake(signal: AbortSignal): Promise<Outcome<HandshakeReply>> {
    const { outcome, used } = await this.#greet(signal);
    if (outcome.kind === "ok" && this.#identity.next !== null) {
      await using lock = await this.#lock();
      await this.#settle(used, { isLocked: lock !== null });
    }
    return outcome;
  }

  /** Has the server make another secret, and uses it from now on. One that was begun before is brought to its end. */
  async rotate(signal: AbortSignal): Promise<Change> {
    if (this.#identity.next !== null) {
      await using lock = await this.#lock();
      return await this.#finish(signal, { isLocked: lock !== null });
    }
    const reason = await this.unreplaceable();
    if (reason !== null) return failed(`it cannot be stored: ${reason}`);
    return await this.#change((path, stored) => this.#rotateAt(path, stored, signal), signal);
  }

  /** Stores an identity that the server gave to this host, and uses it from now on. */
  async adopt(fresh: Credentials, signal: AbortSignal): Promise<Change> {
    return await this.#change(async (path, stored) => await this.#storeBeside(path, stored, fresh), signal);
  }

  /** Changes the credentials file under its lock, after it was read again; then shakes hands with what is new in it. */
  async #change(
    work: (path: string, stored: StoredCredentials) => Promise<Change | null>,
    signal: AbortSignal,
  ): Promise<Change> {
    const { path } = this.#identity;
    if (path === null) return failed("there is no credentials file");
    try {
      await using lock = await lockCredentials(path);
      if (lock === null) return failed("another process is changing the credentials file");
      const stored = await readStoredAt(path);
      if (stored === null || !isSame(newestOf(stored), this.#identity)) {
        return { kind: "other", reason: "the credentials file was changed meanwhile" };
      }
      return await work(path, stored) ?? await this.#finish(signal, { isLocked: true });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // What is wrong with the file itself may be mended; what its folder refuses will be refused again.
      if (!(error instanceof CliError)) this.#fault = error.message;
      return failed(`the credentials file cannot be replaced: ${error.message}`);
    }
  }

  /** Tests first that the file can be written: a secret that cannot be stored would be lost. */
  async #rotateAt(path: string, stored: StoredCredentials, signal: AbortSignal): Promise<Change | null> {
    await writePrivateFile(path, formatCredentials(stored));
    const { current, process: { instanceId, timeoutMs } } = this.#means;
    const { agentId, secret } = this.#identity;
    const limits = { instanceId, signal, timeoutMs };
    const outcome = await rotateSecret(current.setup.connection, { agentId, secret }, limits);
    if (outcome.kind === "outage") return failed(outcome.reason, outcome.retryAfter);
    if (outcome.kind === "refused") {
      const { description: reason } = outcome;
      return isVerdict(outcome) ? { kind: "other", reason } : failed(reason);
    }
    return await this.#storeBeside(path, stored, { agentId, secret: outcome.value });
  }

  /** Null: it is stored. */
  async #storeBeside(path: string, { url }: StoredCredentials, fresh: Credentials): Promise<Change | null> {
    const fault = secretFault(fresh.secret);
    if (fault !== null) return failed(`the server's new secret cannot be right: ${fault}`);
    const { agentId, secret } = this.#identity;
    await writePrivateFile(path, formatCredentials({ url, agentId, secret, next: fresh }));
    await this.#become({ agentId, secret }, fresh);
    return null;
  }

  /** Shakes hands with the newest identity, and forgets the other one. */
  async #finish(signal: AbortSignal, { isLocked }: { isLocked: boolean }): Promise<Change> {
    const { next } = this.#identity;
    const { outcome, used } = await this.#greet(signal);
    if (outcome.kind === "outage") return failed(outcome.reason, outcome.retryAfter);
    if (outcome.kind === "refused") return failed(outcome.description);
    await this.#settle(used, { isLocked });
    return next !== null && isSame(used, next)
      ? { kind: "changed", greeting: outcome.value }
      : failed("the server does not take the new secret; the old one is used");
  }

  /**
   * Forgets the identity that was not used: the older one, or a newer one that the server has just refused. Where the
   * file cannot be written, both stay in it, and the newest goes on being tried first.
   */
  async #settle(used: Credentials, { isLocked }: { isLocked: boolean }): Promise<void> {
    const { path, next } = this.#identity;
    await this.#become(used, null);
    if (path === null || !isLocked) return;
    try {
      const stored = await readStoredAt(path);
      const isAsKnown = stored?.next && next !== null && isSame(stored.next, next);
      if (isAsKnown) await writePrivateFile(path, formatCredentials({ url: stored.url, ...used }));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#means.warn(`"${path}" goes on holding a secret that is not needed any more: ${error.message}`);
    }
  }

  async #become({ agentId, secret }: Credentials, next: Credentials | null): Promise<void> {
    await this.#means.current.become({ ...this.#identity, agentId, secret, next });
  }

  /** Null where another process has the lock, or it cannot be taken. */
  async #lock(): Promise<AsyncDisposable | null> {
    const { path } = this.#identity;
    try {
      return path === null ? null : await lockCredentials(path);
    } catch (error) {
      if (error instanceof Error) return null;
      throw error;
    }
  }

  async #greet(signal: AbortSignal) {
    const { current, process } = this.#means;
    const supports = await this.unreplaceable() === null ? abilities : [];
    return await greet(current.setup, { ...process, client: { ...process.client, supports }, signal });
  }

  get #identity() {
    return this.#means.current.setup.identity;
  }
}

function failed(reason: string, retryAfter = 0): Change {
  return { kind: "failed", reason, retryAfter };
}

function newestOf({ agentId, secret, next }: StoredCredentials): Credentials {
  return next ?? { agentId, secret };
}

function isSame(one: Credentials, other: Credentials): boolean {
  return one.agentId === other.agentId && one.secret === other.secret;
}
