import { each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";

const columns = {
  id: text,
  type: text,
  attempt: number,
  incident: record,
  channel: fields({ id: text, name: text, kind: text, settings: entries(text) }),
};

/** A message that is to be sent now, and to whom. */
export type ClaimedDelivery = ReadBy<typeof columns>;

/** What became of one attempt. */
export interface Attempt {
  id: string;
  attempt: number;
  outcome: "delivered" | "retry" | "refused" | "gone";
  answer: string;
  /** Not sooner, where the receiver said so; 0 where it did not. */
  retryAfterSeconds: number;
}

export const deliveries = {
  /** The next due delivery of each channel, for the caller to send within the lease. */
  claim: row("claim_deliveries", {
    effect: "changes",
    args: ({ most, leaseSeconds }: { most: number; leaseSeconds: number }) => ({
      most,
      lease_seconds: leaseSeconds,
    }),
    read: each(fields(columns)),
  }),
  /** Null for an attempt that another one has followed. */
  record: row("record_delivery", {
    effect: "changes",
    args: ({ id, attempt, outcome, answer, retryAfterSeconds }: Attempt) => ({
      delivery_id: id,
      attempt,
      outcome,
      answer,
      retry_after_seconds: retryAfterSeconds,
    }),
    read: orNull(fields({ state: text })),
  }),
};
