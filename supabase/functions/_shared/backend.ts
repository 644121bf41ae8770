import type { Session } from "./auth.ts";
import type { Deliverer } from "./channels/deliverer.ts";
import type { Transports } from "./channels/send.ts";
import { testRate } from "./channels/test_message.ts";
import type { Database } from "./database/port.ts";
import { issuerOf, type Settings } from "./env.ts";
import { Buckets } from "./http/buckets.ts";
import { Refusals } from "./http/refusals.ts";
import type { KeyRing } from "./keys.ts";
import type { Log } from "./log.ts";
import type { Operators } from "./operator.ts";
import type { Meter } from "./meter.ts";
import { RefusedAgents } from "./refused_agents.ts";
import { VerifiedTokens } from "./verified_tokens.ts";
import { jitter, randomBytes, randomFraction } from "./random.ts";

/** What the handlers work with. Each one names the parts that it needs. */
export interface Backend {
  database: Database;
  keys: KeyRing;
  verifiedTokens: VerifiedTokens<Session>;
  operators: Operators;
  refusals: Refusals;
  refusedAgents: RefusedAgents;
  /** How messages to channels leave this process. */
  transports: Transports;
  /** Sends what the outbox has. */
  deliverer: Deliverer;
  /** How often each channel is tested. */
  channelTests: Buckets;
  log: Log;
  /** Counts what this process answers; null where processes come and go. */
  meter: Meter | null;
  /** `<public url>/functions/v1`. */
  issuer: string;
  sessionLifetimeSeconds: number;
  agentLimitPerOwner: number;
  trustedProxies: number;
  /** For how many days history is kept; 0 when none is. */
  historyDays: number;
  now: () => Date;
  /** A fresh random number from 0 up to, not including, 1. */
  random: () => number;
  /** Waits for a random part of a second. */
  jitter: () => Promise<void>;
  randomBytes: (length: number) => Uint8Array;
  /** Keeps the process until the work is done; the reply does not wait for it. */
  waitUntil: (work: Promise<void>) => void;
}

/** What the process that serves the handlers brings: the Edge Runtime's worker, or the embedded server. */
type Host =
  & Pick<
    Backend,
    "database" | "keys" | "operators" | "log" | "meter" | "transports" | "deliverer" | "waitUntil"
  >
  & {
    settings: Settings;
    /** The service's address, where the settings name no public one. */
    url: string;
  };

/** The handlers' backend on any host: with the real clock and real chance. */
export function makeBackend({ settings, url, ...host }: Host): Backend {
  const now = (): Date => new Date();
  return {
    ...host,
    ...settings,
    issuer: issuerOf(settings.publicUrl ?? url),
    verifiedTokens: new VerifiedTokens(),
    refusals: new Refusals(now),
    channelTests: new Buckets(testRate, now),
    refusedAgents: new RefusedAgents(host.database.sessions.recordRefusals),
    now,
    random: randomFraction,
    jitter,
    randomBytes,
  };
}
