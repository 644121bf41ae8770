import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { base64url } from "jose";

const goodMs = 120_000;

/** A code that is good once, and for two minutes. The one that was made last is the only one. */
export class OneTimeCode {
  readonly #now: () => Date;
  readonly #randomBytes: (length: number) => Uint8Array;
  #code: { text: string; madeAt: number } | null = null;

  constructor({ now, randomBytes }: { now: () => Date; randomBytes: (length: number) => Uint8Array }) {
    this.#now = now;
    this.#randomBytes = randomBytes;
  }

  make(): string {
    const text = base64url.encode(this.#randomBytes(32));
    this.#code = { text, madeAt: this.#now().getTime() };
    return text;
  }

  /** Whether this is the code, which it is once. */
  redeem(given: string): boolean {
    if (this.#code === null) return false;
    const { text, madeAt } = this.#code;
    const age = this.#now().getTime() - madeAt;
    const sent = Buffer.from(given);
    const wanted = Buffer.from(text);
    const isGood = age >= 0 && age <= goodMs && sent.length === wanted.length &&
      timingSafeEqual(sent, wanted);
    if (isGood) this.#code = null;
    return isGood;
  }
}
