import { join } from "node:path";
import { type HandshakeReply, isToken } from "../api/agent.ts";
import { fingerprint } from "../identity/secret.ts";
import type { Setup } from "../identity/setup.ts";
import { isDuration, isText, parseObject } from "../host/json.ts";
import { readPrivateFile, removeFile, setFileTime, writePrivateFile } from "../host/private_file.ts";

/** A session from before this process, and how long it may still be used. */
export interface KeptSession {
  token: string;
  refreshIn: number;
  intervalSeconds: number;
}

/** A cached session, and when it was received. */
export interface CachedSession extends KeptSession {
  ageSeconds: number;
  expiresIn: number;
}

/** The cached session of these credentials at this server: of the newest, where there are two. */
export function cacheOf({ places, connection, identity }: Setup, warn: (text: string) => void): SessionCache {
  const { agentId, secret } = identity.next ?? identity;
  const owner = fingerprint({ agentId, secret, url: connection.url });
  return new SessionCache(places.state, { owner, warn });
}

/** The time of a session with which no beat was accepted yet. */
const never = new Date(0);

/**
 * The session on the disk, so that a restart does not shake hands again. It is bound to the credentials it
 * was opened with, and holds the local time at which it was received; whether it still stands, the server
 * decides. What keeps it from being written or read costs a handshake and one line, nothing else.
 */
export class SessionCache {
  readonly path: string;
  readonly owner: string;
  readonly #warn: (text: string) => void;
  #complained = false;

  constructor(folder: string, { owner, warn }: { owner: string; warn: (text: string) => void }) {
    this.path = join(folder, "session.json");
    this.owner = owner;
    this.#warn = warn;
  }

  async read(now: Date): Promise<CachedSession | null> {
    try {
      const found = await readPrivateFile(this.path);
      if (found === null) return null;
      const cached = "text" in found ? this.#parse(found.text, now) : found.fault;
      if (cached === null) return null;
      if (typeof cached === "string") {
        this.#warn(`the session in "${this.path}" is not used: ${cached}`);
        return null;
      }
      return cached;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#complain("read", error);
      return null;
    }
  }

  async write({ token, expiresIn, refreshIn, intervalSeconds }: HandshakeReply, now: Date): Promise<void> {
    await this.#try("kept", async () =>
      await writePrivateFile(
        this.path,
        `${
          JSON.stringify(
            {
              version: 1,
              owner: this.owner,
              received_at: now.toISOString(),
              expires_in: expiresIn,
              refresh_in: refreshIn,
              heartbeat_interval_seconds: intervalSeconds,
              token,
            },
            null,
            2,
          )
        }\n`,
        // A renewed session does not make the last beat forgotten.
        await this.lastBeat() ?? never,
      ));
  }

  /** Remembers that a beat was accepted, where the session is still there and still this agent's. */
  async touch(now: Date): Promise<void> {
    await this.#try("kept", async () => {
      if (await this.#isOurs()) await setFileTime(this.path, now);
    });
  }

  async #isOurs(): Promise<boolean> {
    const found = await readPrivateFile(this.path);
    return found !== null && "text" in found && parseObject(found.text)?.owner === this.owner;
  }

  /**
   * When a beat was last accepted with a session of these credentials, as the file's own time tells: a beat costs no
   * writing. Null when there was none, or nobody can tell.
   */
  async lastBeat(): Promise<Date | null> {
    try {
      if (!await this.#isOurs()) return null;
      const { mtime } = await Deno.lstat(this.path);
      return mtime === null || mtime.getTime() === never.getTime() ? null : mtime;
    } catch (error) {
      if (error instanceof Error) return null;
      throw error;
    }
  }

  async remove(): Promise<void> {
    await this.#try("removed", async () => void await removeFile(this.path));
  }

  /** A string says what is wrong; null: it is merely too old. */
  #parse(text: string, now: Date): CachedSession | string | null {
    const fields = parseObject(text);
    if (fields === null) return "the file is broken";
    const { version, owner, received_at, expires_in, refresh_in, heartbeat_interval_seconds, token } = fields;
    if (version !== 1) return "the file is of another version";
    if (owner !== this.owner) return "it belongs to another agent, secret or server";
    const received = isText(received_at) ? Date.parse(received_at) : NaN;
    const sound = isDuration(expires_in) && isDuration(refresh_in) &&
      isDuration(heartbeat_interval_seconds) &&
      isToken(token) && !Number.isNaN(received);
    if (!sound) return "the file is broken";
    const ageSeconds = (now.getTime() - received) / 1000;
    if (ageSeconds < 0) return "it was received in the future";
    if (ageSeconds > refresh_in) return null;
    return {
      token,
      ageSeconds,
      expiresIn: expires_in,
      refreshIn: refresh_in - ageSeconds,
      intervalSeconds: heartbeat_interval_seconds,
    };
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#complain(what, error);
    }
  }

  #complain(what: string, error: Error): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#warn(`the session cannot be ${what} in "${this.path}", going on without: ${error.message}`);
  }
}
