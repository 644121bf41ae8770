import assert from "node:assert/strict";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { share } from "../../_support/seed.ts";
import { startServerProcess, withFolder } from "../../_support/server.ts";

const revocations = share(1000);
const others = 8;
/** How many beats of the agent are always under way. */
const beatsAtOnce = 4;

interface Sent {
  at: number;
  accepted: boolean;
}

Deno.test(`${revocations} revocations under load → no beat is accepted that began after the reply`, async () => {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data });
    const client = new FleetClient(server.base, server.operatorKey);
    const load = await beatAll(client, await Promise.all(times(others, () => client.createAgent())));
    const agent = await client.createAgent();
    let accepted = 0;
    for (let round = 0; round < revocations; round++) accepted += await revokeOnce(client, agent);
    assert.ok(accepted >= revocations, `${accepted} beats were accepted: the agent did not beat in between`);
    assert.ok(await load.end() > 0, "there was no load");
    await server.stop();
  });
});

/** Revokes an agent while it beats, and restores it; how many beats were accepted. */
async function revokeOnce(client: FleetClient, agent: CreatedAgent): Promise<number> {
  const token = await client.session(agent);
  const first = await client.beat(token);
  assert.equal(first.status, 200);
  const sent: Sent[] = [];
  let refusedAfter = 0;
  let repliedAt = Infinity;
  const beating = times(beatsAtOnce, async () => {
    // Each goes on until it was refused once with a beat that began after the reply.
    for (let isOver = false; !isOver;) {
      const at = performance.now();
      const { status } = await client.beat(token);
      sent.push({ at, accepted: status === 200 });
      isOver = at > repliedAt;
      refusedAfter += Number(isOver && status === 401);
    }
  });
  assert.equal((await client.revoke(agent.id)).body.liveness, "revoked");
  repliedAt = performance.now();
  await Promise.all(beating);
  assert.deepEqual(sent.filter(({ at, accepted }) => accepted && at > repliedAt), []);
  assert.equal(refusedAfter, beatsAtOnce);
  assert.equal((await client.act(agent.id, "restore")).body.liveness, "pending");
  return 1 + sent.filter(({ accepted }) => accepted).length;
}

/** Has agents beat without a pause until the end, which tells how many beats there were. */
async function beatAll(
  client: FleetClient,
  agents: CreatedAgent[],
): Promise<{ end: () => Promise<number> }> {
  const tokens = await Promise.all(agents.map((agent) => client.session(agent)));
  let isOver = false;
  const beating = tokens.map(async (token) => {
    let beats = 0;
    for (; !isOver; beats++) assert.equal((await client.beat(token)).status, 200);
    return beats;
  });
  return {
    async end() {
      isOver = true;
      return (await Promise.all(beating)).reduce((sum, beats) => sum + beats, 0);
    },
  };
}

function times<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}
