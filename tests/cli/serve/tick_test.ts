import assert from "node:assert/strict";
import { tickJob } from "../../../cli/serve/tick.ts";
import type { TickChanges } from "../../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";
import { testBackend } from "../../_support/backend.ts";

const nothing: TickChanges = { gap: null, agents: null, incidents: null };
const gap = {
  from: "2026-11-23T12:00:00.000Z",
  to: "2026-11-23T12:20:00.000Z",
  seconds: 1200,
  clock_set_back: false,
};
const incident = { id: "i1", owner_id: null, kind: "offline", agents_count: 5000 };

const cases: [what: string, changes: TickChanges | null, lines: RegExp[]][] = [
  ["nothing", null, []],
  ["a gap", { ...nothing, gap }, [/"warn".*the server or its database was away.*"seconds":1200/]],
  ["a clock that was set back", { ...nothing, gap: { ...gap, clock_set_back: true } }, [
    /"warn".*the clock was set back/,
  ]],
  ["agents", {
    ...nothing,
    agents: [{ kind: "offline", count: 2, agents: ["a", "b"] }, {
      kind: "recovered",
      count: 1,
      agents: ["c"],
    }],
  }, [/"info".*agents are offline.*"count":2,"agents":"a b"/, /"info".*agents are well again.*"agents":"c"/]],
  ["incidents", {
    ...nothing,
    incidents: [{ ...incident, change: "opened" }, { ...incident, change: "closed" }],
  }, [/"warn".*incident opened.*"incident_id":"i1".*"agents_count":5000/, /"info".*incident closed/]],
];

for (const [what, changes, expected] of cases) {
  Deno.test(`a tick that finds ${what} → ${expected.length} lines in the log`, async () => {
    const lines: string[] = [];
    const { database } = await testBackend({ incidents: { tick: () => Promise.resolve(changes) } });
    const job = tickJob(database, new Log((line) => lines.push(line)));
    assert.deepEqual([job.everyMs, job.atStart], [5000, true]);
    await job.run();
    assert.equal(lines.length, expected.length);
    expected.forEach((line, place) => assert.match(lines[place] ?? "", line));
  });
}
