import { createHash } from "node:crypto";
import type { KeyRing } from "./keys.ts";

/** What a token was verified against, and when. */
export interface Expected {
  keys: KeyRing;
  issuer: string;
  now: Date;
}

interface Remembered<Session> {
  session: Session;
  /** In seconds since the epoch, as in the token. */
  verifiedAt: number;
  expiresAt: number;
}

const usualLimit = 200_000;

/**
 * Remembers what verified tokens said, by the SHA-256 of all their characters, so that the beats of one session cost
 * one verification.
 *
 * It answers what the verification would answer again. Each check of a token's times, once passed, stays passed until
 * `exp`; so a token is known from the second of its verification up to that one, and a clock that was set back has it
 * verified anew. Another key ring or issuer empties the map. What no token says, whether the session still stands, the
 * database decides with every beat.
 *
 * Bounded: the token that was verified the longest ago goes first.
 */
export class VerifiedTokens<Session extends object> {
  readonly #limit: number;
  readonly #remembered = new Map<string, Remembered<Session>>();
  #keys: KeyRing | null = null;
  #issuer = "";

  constructor(limit: number = usualLimit) {
    this.#limit = limit;
  }

  /** What the token said, or null when it has to be verified. */
  find(token: string, expected: Expected): Readonly<Session> | null {
    if (expected.keys !== this.#keys || expected.issuer !== this.#issuer) return null;
    const found = this.#remembered.get(digest(token));
    const now = secondsOf(expected.now);
    return found !== undefined && found.verifiedAt <= now && now < found.expiresAt ? found.session : null;
  }

  /** Remembers a token that has just been verified. */
  add(
    token: string,
    { session, expiresAt }: { session: Session; expiresAt: number },
    expected: Expected,
  ): void {
    if (expected.keys !== this.#keys || expected.issuer !== this.#issuer) {
      this.#remembered.clear();
      this.#keys = expected.keys;
      this.#issuer = expected.issuer;
    }
    const now = secondsOf(expected.now);
    const key = digest(token);
    this.#remembered.delete(key);
    this.#remembered.set(key, { session: Object.freeze(session), verifiedAt: now, expiresAt });
    for (const [oldest, { expiresAt: end }] of this.#remembered) {
      if (this.#remembered.size <= this.#limit && now < end) return;
      this.#remembered.delete(oldest);
    }
  }

  get size(): number {
    return this.#remembered.size;
  }
}

/** The second that the checks of a token's times go by. */
function secondsOf(now: Date): number {
  return Math.floor(now.getTime() / 1000);
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
