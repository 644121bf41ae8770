import assert from "node:assert/strict";
import type { RefusedAgent } from "../../../supabase/functions/_shared/database/port.ts";
import { RefusedAgents } from "../../../supabase/functions/_shared/refused_agents.ts";
import { agentId } from "../../_support/backend.ts";

const first = { agentId, secretDigest: "sha256:1", instanceId: null };
const second = { agentId, secretDigest: "sha256:2", instanceId: agentId };

/** The calls that were made, and what lets the pause before the next one end. */
function counting() {
  const calls: (readonly RefusedAgent[])[] = [];
  const pauses: (() => void)[] = [];
  const refused = new RefusedAgents(
    (list) => {
      calls.push(list);
      return Promise.resolve();
    },
    () => new Promise((resolve) => pauses.push(resolve)),
  );
  return { calls, pauses, refused };
}

Deno.test("the refusals of an agent within a second are one entry: their number, and what was presented last", async () => {
  const { calls, pauses, refused } = counting();
  assert.equal(refused.note(first), true);
  assert.equal(refused.note(second), false, "a second write is asked for");
  const written = refused.write();
  assert.deepEqual(calls, [], "it is written without the pause");
  refused.note(first);
  refused.note(second);
  pauses[0]?.();
  await written;
  assert.deepEqual(calls, [[{ ...second, count: 4 }]]);
});

Deno.test("what comes after a write is written by the next one, and nothing twice", async () => {
  const { calls, pauses, refused } = counting();
  refused.note(first);
  const written = refused.write();
  pauses[0]?.();
  await written;
  assert.equal(refused.size, 0);
  assert.equal(refused.note(second), true);
  const again = refused.write();
  pauses[1]?.();
  await again;
  assert.deepEqual(calls, [[{ ...first, count: 1 }], [{ ...second, count: 1 }]]);
});

Deno.test("a flood of ids that nobody knows is one call of at most 1000, and those that wait go on being counted", async () => {
  const { calls, pauses, refused } = counting();
  refused.note(first);
  for (let count = 0; count < 5000; count++) refused.note({ ...first, agentId: crypto.randomUUID() });
  refused.note(second);
  assert.equal(refused.size, 1000);
  const written = refused.write();
  pauses[0]?.();
  await written;
  assert.equal(calls.length, 1);
  assert.equal(calls[0]?.length, 1000);
  assert.deepEqual(calls[0]?.[0], { ...second, count: 2 });
});

Deno.test("a write that fails says so, and the next refusal asks for another", async () => {
  const refused = new RefusedAgents(
    () => Promise.reject(new Error("no connection")),
    () => Promise.resolve(),
  );
  refused.note(first);
  await assert.rejects(refused.write(), /no connection/);
  assert.equal(refused.note(first), true);
});

Deno.test("the pause before a write is a second", async () => {
  const refused = new RefusedAgents(() => Promise.resolve());
  refused.note(first);
  const started = performance.now();
  await refused.write();
  assert.ok(performance.now() - started >= 990);
});
