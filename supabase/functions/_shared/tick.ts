import type { Database, TickChanges } from "./database/port.ts";
import type { Log } from "./log.ts";

/**
 * Notes that this service is there, and what has changed of the agents; each change is a line in the log.
 *
 * @param everySeconds when the caller means to come again: three times as long without anybody is a gap
 */
export async function tick(
  { incidents }: { incidents: Pick<Database["incidents"], "tick"> },
  log: Log,
  everySeconds: number,
): Promise<void> {
  const changes = await incidents.tick(everySeconds);
  if (changes !== null) logChanges(changes, log);
}

function logChanges({ gap, agents, incidents }: TickChanges, log: Log): void {
  if (gap !== null) {
    const { clock_set_back: isSetBack, ...times } = gap;
    const what = isSetBack ? "the clock was set back" : "the server or its database was away";
    log.line("warn", `${what}: no agent's silence counts for that time`, times);
  }
  for (const { kind, count, agents: ids } of agents ?? []) {
    log.line("info", `agents are ${kind === "recovered" ? "well again" : kind}`, {
      count,
      agents: ids.join(" "),
    });
  }
  for (const { id, owner_id, kind, agents_count, change } of incidents ?? []) {
    log.line(change === "closed" ? "info" : "warn", `incident ${change}`, {
      incident_id: id,
      owner_id,
      kind,
      agents_count,
    });
  }
}
