import type { HandshakeReply } from "../api/agent.ts";
import { forgetEnrollmentId } from "../identity/enrollment.ts";
import type { Identity } from "../identity/identity.ts";
import type { Setup } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { type Lock, lockAgent } from "./lock.ts";
import { unlessAborted } from "../host/unless_aborted.ts";
import { cacheOf, type SessionCache } from "./session_cache.ts";

const timeoutMs = 5000;

/** What reading the credentials again brought. */
export type Reloaded = "same" | "other" | "other server";

/** What a running monitor works with: server, identity and the files that belong to them. */
export class LiveSetup {
  readonly #warn: (text: string) => void;
  #setup: Setup;
  #cache: SessionCache;
  #lock: Lock | null;
  #isKept = false;

  constructor({ setup, lock }: { setup: Setup; lock: Lock | null }, warn: (text: string) => void) {
    this.#setup = setup;
    this.#lock = lock;
    this.#warn = warn;
    this.#cache = cacheOf(setup, warn);
  }

  get setup(): Setup {
    return this.#setup;
  }

  get cache(): SessionCache {
    return this.#cache;
  }

  /**
   * Takes what was read again, and says what is other now. Whatever is wrong with it, or if it does
   * not come within 5 s (a pipe that nobody writes to), the old one stays.
   */
  async reload(reading: Promise<Setup>, stopping: AbortSignal): Promise<Reloaded> {
    return await this.#read(reading, stopping, (reason) => this.#refuse(reason));
  }

  /** The same, before a refusal counts as a verdict. That there is nothing better to read is not worth a line. */
  async reread(reading: Promise<Setup>, stopping: AbortSignal): Promise<Reloaded> {
    return await this.#read(reading, stopping, () => undefined);
  }

  /** Takes another identity in the place of this one; the way to the server stays. */
  async become(identity: Identity): Promise<void> {
    const { setup: { identity: old } } = this;
    const setup = { ...this.#setup, identity };
    if (identity.agentId !== old.agentId) await this.#tryChangeLock(setup);
    this.#lock?.prove(identity.secret);
    this.#setup = setup;
    const cache = cacheOf(setup, this.#warn);
    if (cache.owner !== this.#cache.owner) this.#cache = cache;
  }

  async #read(
    reading: Promise<Setup>,
    stopping: AbortSignal,
    refuse: (reason: string) => void,
  ): Promise<Reloaded> {
    const over = AbortSignal.timeout(timeoutMs);
    try {
      const fresh = await unlessAborted(unlessAborted(reading, over), stopping);
      if (fresh !== null) return await this.#take(fresh);
      reading.then(({ connection }) => connection.pool?.renew(), () => undefined);
      if (!stopping.aborted) refuse(`they could not be read within ${timeoutMs / 1000} s`);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      refuse(error.message);
    }
    return "same";
  }

  /** A certificate authority may be another though the credentials are the same: its client is taken, too. */
  async #take(fresh: Setup): Promise<Reloaded> {
    const old = this.#setup;
    if (fresh.identity.agentId !== old.identity.agentId) await this.#changeLock(fresh);
    this.#lock?.prove(fresh.identity.secret);
    this.#setup = fresh;
    old.connection.pool?.renew();
    const cache = cacheOf(fresh, this.#warn);
    if (cache.owner === this.#cache.owner) return "same";
    this.#cache = cache;
    return fresh.connection.url === old.connection.url ? "other" : "other server";
  }

  /** An identity that the server has given is used, even where somebody else says that he has it. */
  async #tryChangeLock(setup: Setup): Promise<void> {
    try {
      await this.#changeLock(setup);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.#warn(error.message);
    }
  }

  async #changeLock({ places, identity, connection }: Setup): Promise<void> {
    if (this.#lock === null) return;
    try {
      const lock = await lockAgent(places.state, { ...identity, warn: this.#warn });
      this.#lock.release();
      this.#lock = lock;
    } catch (error) {
      connection.pool?.renew();
      throw error;
    }
  }

  /** Keeps a session for the next process. The first one ends an enrollment: its id is not needed any more. */
  async keep(greeting: HandshakeReply): Promise<void> {
    await this.#cache.write(greeting, new Date());
    if (this.#isKept) return;
    this.#isKept = true;
    await forgetEnrollmentId(this.#setup.places);
  }

  /** Lets another process watch over the agent. */
  release(): void {
    this.#lock?.release();
  }

  #refuse(reason: string): void {
    this.#warn(`the credentials were not read again: ${reason}`);
  }
}
