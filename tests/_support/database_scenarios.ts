import assert from "node:assert/strict";
import type { Database } from "../../supabase/functions/_shared/database/port.ts";
import { agentScenarios } from "./agent_scenarios.ts";
import { enrollmentScenarios } from "./enrollment_scenarios.ts";
import { listScenarios } from "./list_scenarios.ts";
import { create, key, nobody } from "./scenario_agents.ts";
import { sessionScenarios } from "./session_scenarios.ts";

/** What a scenario works on: an adapter, and the id of the one user that its database knows. */
export interface Subject {
  database: Database;
  userId: string;
}

export type Scenario = (subject: Subject) => Promise<void>;

/** What every adapter of the port must do, whatever lies between it and the SQL functions. */
export const scenarios: Record<string, Scenario> = {
  ...enrollmentScenarios,

  "health.ping → the database answers, and nothing calls its tick": async ({ database }) =>
    assert.deepEqual(await database.health.ping(), { tick: null }),

  "incidents.tick → nothing is new where nothing was, and then it is known that something calls it": async (
    { database },
  ) => {
    assert.equal(await database.incidents.tick(5), null);
    const { tick } = await database.health.ping();
    assert.ok(tick !== null && tick >= 0);
    assert.deepEqual(
      await database.incidents.list(null, { state: "open", page: { limit: 1, after: null } }),
      { rows: [], next: null },
    );
    assert.equal(await database.incidents.get(nobody, null), null);
    assert.equal(await database.incidents.acknowledge(nobody, key), null);
  },

  "health.upkeep → nothing to correct where no clock was wrong": async ({ database }) => {
    await create(database);
    assert.deepEqual(await database.health.upkeep(), []);
  },

  ...agentScenarios,
  ...sessionScenarios,
  ...listScenarios,
};
