import type { Deliverer } from "../../supabase/functions/_shared/channels/deliverer.ts";
import type { Database } from "../../supabase/functions/_shared/database/port.ts";
import type { Log } from "../../supabase/functions/_shared/log.ts";
import type { Job } from "./schedule.ts";

/** The database's own housekeeping, which says what it had to mend. */
export function upkeepJob({ health }: Pick<Database, "health">, log: Log): Job {
  return {
    name: "upkeep",
    everyMs: 60_000,
    atStart: true,
    async run() {
      const agents = await health.upkeep();
      if (agents.length === 0) return;
      log.line("warn", "last beats of the future were corrected: this host's clock was ahead, or is behind", {
        count: agents.length,
        agents: agents.slice(0, 20).join(" "),
      });
    },
  };
}

/** Lets copies go that have not beaten for a day, and what was made for those that never came for it. */
export function copiesJob({ copies }: Pick<Database, "copies">): Job {
  return { name: "copies", everyMs: 60_000, atStart: true, run: () => copies.forget() };
}

const partsOfTurn = 50;

/**
 * Folds what beats left into the history, in parts: each is a call of its own, so that beats go in between. More than a
 * turn does is left to the next one.
 */
export function historyJob({ history }: Pick<Database, "history">, days: number): Job {
  return {
    name: "history",
    everyMs: 10_000,
    atStart: true,
    async run() {
      for (let part = 0; part < partsOfTurn && await history.keep(days); part++);
    },
  };
}

/** Begins to send what the outbox has. The receivers are not waited for. */
export function deliveriesJob(deliverer: Deliverer): Job {
  return { name: "deliveries", everyMs: 2000, atStart: true, run: () => deliverer.begin() };
}
