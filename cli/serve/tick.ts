import type { Database } from "../../supabase/functions/_shared/database/port.ts";
import type { Log } from "../../supabase/functions/_shared/log.ts";
import { tick } from "../../supabase/functions/_shared/tick.ts";
import type { Job } from "./schedule.ts";

/** Notes every 5 s that this server is there, and what has changed of the agents. */
export function tickJob(database: Pick<Database, "incidents">, log: Log): Job {
  return { name: "tick", everyMs: 5000, atStart: true, run: () => tick(database, log, 5) };
}
