import { channelKinds } from "./kinds.ts";
import { type Outcome, sendMessage, type Transports } from "./send.ts";
import type { Json } from "./template.ts";
import { type MessageType, readIncident, type ToldIncident } from "./words.ts";
import type { ClaimedDelivery, Database } from "../database/port.ts";
import { describe, type Log } from "../log.ts";

interface Deps {
  database: { deliveries: Database["deliveries"] };
  transports: Transports;
  log: Log;
  now: () => Date;
}

/** More than any attempt takes: a sender that is still at it would find its delivery given to another. */
const leaseSeconds = 120;
const mostAtOnce = 50;
const types: Readonly<Record<string, MessageType>> = {
  opened: "incident.opened",
  reminder: "incident.reminder",
  closed: "incident.closed",
};

/**
 * Sends what the outbox has: of each channel one delivery at a time, in order, and no channel waits for another. An
 * attempt whose end is not recorded, because this process was killed or the database is gone, is made again, with the
 * same id, when its lease is over: at least once.
 */
export class Deliverer {
  readonly #deps: Deps;
  readonly #underWay = new Set<Promise<void>>();
  #isStopped = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Begins to send what is due, and what becomes due by that; does not wait for the receivers. */
  async begin(): Promise<void> {
    if (this.#isStopped) return;
    const most = mostAtOnce - this.#underWay.size;
    if (most <= 0) return;
    const claimed = await this.#deps.database.deliveries.claim({ most, leaseSeconds });
    for (const delivery of claimed) this.#track(this.#deliver(delivery));
  }

  /** Sends what is due, and waits until nothing is, or the time is over. */
  async drain(limitMs: number): Promise<void> {
    await this.begin();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const timer = setTimeout(end, limitMs);
    let isOver = false;
    over.then(() => isOver = true);
    while (this.#underWay.size > 0 && !isOver) await Promise.race([over, ...this.#underWay]);
    clearTimeout(timer);
  }

  /** Begins nothing more, and waits a moment for what is under way. The rest is sent again when its lease is over. */
  async stop(limitMs = 2000): Promise<void> {
    this.#isStopped = true;
    if (this.#underWay.size === 0) return;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const timer = setTimeout(end, limitMs);
    await Promise.race([over, Promise.all(this.#underWay)]);
    clearTimeout(timer);
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.catch((error) => this.#note(error)).finally(() =>
      this.#underWay.delete(tracked)
    );
    this.#underWay.add(tracked);
  }

  async #deliver(delivery: ClaimedDelivery): Promise<void> {
    const { database, log } = this.#deps;
    const { id, attempt, channel } = delivery;
    const outcome = await this.#send(delivery);
    const retryAfterSeconds = outcome.state === "failed" ? outcome.retryAfterSeconds : 0;
    const recorded = await database.deliveries.record({
      id,
      attempt,
      outcome: outcome.state === "failed" ? "retry" : outcome.state,
      answer: outcome.answer,
      retryAfterSeconds,
    });
    log.line(outcome.state === "delivered" ? "info" : "warn", "delivery", {
      delivery_id: id,
      channel_id: channel.id,
      kind: channel.kind,
      attempt,
      state: recorded?.state ?? "superseded",
      answer: outcome.answer,
    });
    // The channel's next one may be due now.
    await this.begin();
  }

  /** A delivery that this version cannot read or send fails like one that is not taken: it holds nobody up. */
  async #send({ id, type, incident, channel }: ClaimedDelivery): Promise<Outcome> {
    const { transports, log, now } = this.#deps;
    const kind = channelKinds.find((one) => one === channel.kind);
    const messageType = types[type];
    if (kind === undefined || messageType === undefined) {
      return { state: "failed", answer: "this version knows no such channel", retryAfterSeconds: 0 };
    }
    const told = readable(incident);
    if (told === null) {
      return { state: "failed", answer: "this version cannot read it", retryAfterSeconds: 0 };
    }
    // It came from the database as JSON.
    const message = {
      id,
      type: messageType,
      kind,
      settings: channel.settings,
      told,
      incident: incident as Json,
    };
    try {
      return await sendMessage(message, transports, now());
    } catch (error) {
      // A fault of ours: without a record of it, it would be tried for ever. Its words may have the address in them.
      const fault = error instanceof Error ? error.name : "unknown";
      log.line("error", "delivery could not be sent", { delivery_id: id, kind, fault });
      return { state: "failed", answer: `this server could not send it: ${fault}`, retryAfterSeconds: 0 };
    }
  }

  #note(error: unknown): void {
    if (this.#isStopped) return;
    this.#deps.log.line("warn", "delivery was not recorded", { cause: describe(error) });
  }
}

/** Null for an incident of another version. */
function readable(incident: unknown): ToldIncident | null {
  try {
    return readIncident(incident);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
