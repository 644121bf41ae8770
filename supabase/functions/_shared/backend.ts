import type { KeyRing } from "./auth.ts";
import type { Database } from "./database.ts";
import type { Log } from "./log.ts";
import type { Operators } from "./operator.ts";
import type { Refusals } from "./refusals.ts";
import type { Bytes } from "./secret.ts";

/** What the handlers work with. Each one names the parts that it needs. */
export interface Backend {
  database: Database;
  keys: KeyRing;
  operators: Operators;
  refusals: Refusals;
  log: Log;
  /** `<public url>/functions/v1`. */
  issuer: string;
  sessionLifetimeSeconds: number;
  agentLimitPerOwner: number;
  trustedProxies: number;
  now: () => Date;
  /** A fresh random number from 0 up to, not including, 1. */
  random: () => number;
  randomBytes: (length: number) => Bytes;
  /** Keeps the process until the work is done; the reply does not wait for it. */
  waitUntil: (work: Promise<void>) => void;
}

/** The name under which the service signs sessions. */
export function issuerOf(publicUrl: string): string {
  return `${publicUrl}/functions/v1`;
}

/** Cryptographically strong, as every random number of the service. */
export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** From 0 up to, not including, 1. */
export function randomFraction(): number {
  return new DataView(randomBytes(4).buffer).getUint32(0) / 2 ** 32;
}
