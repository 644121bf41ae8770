import assert from "node:assert/strict";
import type { Agent, AgentsAfter, MapChanges } from "../../supabase/functions/_shared/database/port.ts";
import type { Cursor } from "../../supabase/functions/_shared/http/pages.ts";
import { parseMoment } from "../../supabase/functions/agents/map.ts";
import type { Scenario } from "./database_scenarios.ts";
import { plainBeat as beat } from "./record_beats.ts";
import { awkward, create, everyEvent, key, nobody, time } from "./scenario_agents.ts";
import { until } from "./wait.ts";

/** What every adapter of the port must do with lists, maps and pages. */
export const listScenarios: Record<string, Scenario> = {
  "agents.list → all pages together are the agents that fit, in their order, in every order there is": async (
    { database },
  ) => {
    const labels = { walk: awkward };
    const made: Agent[] = [];
    for (const name of ["c", awkward, "a", "B", "d"]) made.push(await create(database, { name, labels }));
    await database.heartbeats.record(made.slice(0, 2).map(({ id }) => beat(id)));
    const filter = { liveness: null, labels: [{ key: "walk", value: awkward }], search: null };
    for (
      const sort of ["trouble", "name", "last_seen_at", "created_at", "label:walk"].flatMap((
        one,
      ) => [one, `-${one}`])
    ) {
      const whole = await database.agents.list(null, { filter, sort, page: { limit: 200, after: null } });
      assert.equal(whole.next, null);
      const counts = { online: 2, pending: 3 };
      assert.deepEqual(whole.totals, { counts, troubles: { unhealthy: 0, copies: 0 } }, sort);
      const walked: Agent[] = [];
      for (let after: AgentsAfter | null = null;;) {
        const page = await database.agents.list(null, { filter, sort, page: { limit: 2, after } });
        walked.push(...page.rows);
        if (page.next === null) break;
        after = sent(page.next);
      }
      assert.deepEqual(walked, whole.rows, sort);
      assert.deepEqual(walked.map(({ id }) => id).sort(), made.map(({ id }) => id).sort());
    }
    const online = { ...filter, liveness: ["online"], search: awkward.toUpperCase() };
    const page = { limit: 1, after: null };
    const { rows, totals } = await database.agents.list(null, { filter: online, sort: "name", page });
    assert.deepEqual([rows.map(({ name }) => name), totals?.counts], [[awkward], { online: 1 }]);
    assert.deepEqual((await database.agents.list(nobody, { filter, sort: "name", page })).rows, []);
  },

  "agents.mapChanges → what a map has to take in to be as it would be read now, after acts and beats of any kind":
    async ({ database }) => {
      const labels = { followed: "1" };
      const made: Agent[] = [];
      for (let number = 0; number < 5; number++) {
        made.push(await create(database, { name: `followed ${number}`, labels }));
      }
      const asked = {
        filter: { liveness: null, labels: [{ key: "followed", value: "1" }], search: null },
        groupKey: null,
        marksEvery: 1000,
      };
      const read = async (): Promise<{ states: Map<string, string>; next: Cursor }> => {
        const { ids, cells, liveness, next } = await database.agents.follow(null, asked);
        const states = Array.from(cells, (cell, place): [string, string] => [
          ids.slice(36 * place, 36 * place + 36),
          `${cell}${liveness[place]}`,
        ]);
        return { states: new Map(states), next };
      };
      const known = await read();
      assert.deepEqual([...known.states.keys()].sort(), made.map(({ id }) => id).sort());
      const idOf = (number: number): string => made[number]?.id ?? "";
      const act = { ownerId: null, act: { actor: "key:default", address: null } };
      const steps: [what: string, step: () => Promise<unknown>, isWhole?: true][] = [
        ["beats", () => database.heartbeats.record(made.map(({ id }) => beat(id)))],
        ["an unhealthy beat", () => database.heartbeats.record([beat(idOf(1), { status: "unhealthy" })])],
        ["a degraded beat", () => database.heartbeats.record([beat(idOf(2), { status: "degraded" })])],
        ["a healthy one", () => database.heartbeats.record([beat(idOf(1))])],
        ["a revocation", () => database.agents.revoke(idOf(3), act)],
        ["nothing", () => Promise.resolve()],
        ["a restoration", () => database.agents.restore(idOf(3), act)],
        ["a name", () => database.agents.edit(idOf(0), { ...act, changes: { name: "followed 9" } }), true],
        ["a new agent", async () => made.push(await create(database, { name: "followed 5", labels })), true],
        ["a deletion", () => database.agents.delete(idOf(4), { ...act, name: "followed 4" }), true],
        ["a beat", () => database.heartbeats.record([beat(idOf(2))])],
      ];
      const changesSince = (): Promise<MapChanges | null> =>
        database.agents.mapChanges(null, { filter: asked.filter, since: parseMoment(known.next) });
      for (const [what, step, isWhole] of steps) {
        // Somebody else's transaction, as autovacuum's, may hold the cursor behind the step before.
        await until("a cursor behind the last step", async () => {
          Object.assign(known, await read());
          return await changesSince() !== null;
        }, { everyMs: 10 });
        await step();
        const changes = await changesSince();
        const now = await read();
        const states = Object.entries(changes?.changes ?? {})
          .flatMap(([state, ids]) => ids.map((id): [string, string] => [id, state]));
        const isUnknown = changes === null || states.some(([id]) => !known.states.has(id));
        assert.equal(isUnknown, isWhole === true, what);
        if (!isUnknown) assert.deepEqual(new Map([...known.states, ...states]), now.states, what);
      }
    },

  "agents.map → a digit for each agent that fits, in the order of the list, and marks that the list takes":
    async (
      { database },
    ) => {
      const made: Agent[] = [];
      for (
        const [name, site] of [["c", "x"], [awkward, "y"], ["a", "y"], ["B", "x"], ["d", awkward]] as const
      ) {
        made.push(await create(database, { name, labels: { site, map: "1" } }));
      }
      await database.heartbeats.record(made.slice(0, 2).map(({ id }) => beat(id)));
      const filter = { liveness: null, labels: [{ key: "map", value: "1" }], search: null };
      for (const groupKey of [null, "site", "no-such"]) {
        const map = await database.agents.map(null, { filter, groupKey, marksEvery: 2 });
        assert.equal(map.sort, groupKey === null ? "name" : `label:${groupKey}`);
        const everything = { limit: 200, after: null };
        const { rows } = await database.agents.list(null, { filter, sort: map.sort, page: everything });
        const cells = rows.map(({ liveness }) => liveness === "online" ? "7" : "6").join("");
        assert.equal(map.cells, cells, map.sort);
        assert.equal(map.marks.length, 2);
        for (const [index, mark] of map.marks.entries()) {
          const page = { limit: 1, after: sent(mark), skipped: 0 };
          const behind = await database.agents.list(null, { filter, sort: map.sort, page });
          assert.equal(behind.rows[0]?.id, rows[2 * (index + 1)]?.id, map.sort);
          assert.equal(behind.totals, null);
        }
      }
      const { groups, counts } = await database.agents.map(null, { filter, groupKey: "site", marksEvery: 2 });
      assert.deepEqual(
        new Map(groups.map(({ name, count }) => [name, count])),
        new Map([[awkward, 1], ["x", 2], ["y", 2]]),
      );
      assert.deepEqual(counts, { online: 2, pending: 3 });
      assert.equal((await database.agents.map(nobody, { filter, groupKey: null, marksEvery: 2 })).cells, "");
    },

  "events.list → the newest first, page after page, of the kinds that are asked for": async (
    { database, userId },
  ) => {
    const { id } = await create(database, { ownerId: userId });
    await database.agents.revoke(id, key);
    await database.agents.restore(id, key);
    const first = await database.events.list(userId, {
      agentId: id,
      kinds: null,
      page: { limit: 2, after: null },
    });
    assert.deepEqual(first?.rows.map(({ kind }) => kind), ["restored", "revoked"]);
    assert.match(first?.rows[0]?.at ?? "", time);
    const after: { id: number } | null = sent(first?.next ?? null);
    const second = await database.events.list(userId, {
      agentId: id,
      kinds: null,
      page: { limit: 2, after },
    });
    assert.deepEqual([second?.rows.map(({ kind }) => kind), second?.next], [["created"], null]);
    const kinds = ["created", "revoked"];
    const some = await database.events.list(null, { ...everyEvent, agentId: id, kinds });
    assert.deepEqual(some?.rows.map(({ kind }) => kind), ["revoked", "created"]);
    assert.deepEqual(await database.events.list(nobody, { ...everyEvent, agentId: null }), {
      rows: [],
      next: null,
    });
  },
};

/** A cursor as a client sends it back, of which the handlers check what is in it. */
function sent(cursor: Cursor | null) {
  return JSON.parse(JSON.stringify(cursor));
}
