import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { generateSigningKey } from "../../supabase/functions/_shared/keys.ts";
import { assertError, FleetClient } from "../_support/client.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { folderInMemory } from "../_support/server.ts";
import { type ServerHere, startServerHere } from "../_support/server_here.ts";
import { execute, withSql } from "../_support/sql.ts";

const publicUrl = "https://fleet.example.com";
const rounds = 20;

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("two servers on one Postgres", async (bin, test) => {
  await using database = await startPostgres(bin);
  const address = await database.createDatabase();
  const keys = JSON.stringify({ keys: [await generateSigningKey()] });
  await using folders = new AsyncDisposableStack();
  const start = async (more: Record<string, string>): Promise<ServerHere> => {
    const { path } = folders.use(await folderInMemory());
    const env = { OPENCLAW_PUBLIC_URL: publicUrl, ...more };
    return await startServerHere({ data: path, databaseUrl: address, env });
  };
  await using here = await start({ AGENT_JWT_KEYS: keys });
  await using there = await start({ AGENT_JWT_KEYS: keys });
  const one = new FleetClient(here.base, here.operatorKey);
  const other = new FleetClient(there.base, there.operatorKey);

  await test.step("a session of one → its beats are taken by both, and both tell the same", async () => {
    const agent = await one.createAgent();
    const token = await one.session(agent);
    for (const client of [other, one, other]) assert.equal((await client.beat(token)).status, 200);
    for (const client of [one, other]) assert.equal((await client.agent(agent.id)).liveness, "online");
  });

  await test.step(`${rounds} revocations at one → refused by the very next beat at the other`, async () => {
    const agent = await one.createAgent();
    for (let round = 0; round < rounds; round++) {
      const token = await one.session(agent);
      assert.equal((await other.beat(token)).status, 200);
      assert.equal((await one.revoke(agent.id)).status, 200);
      assertError(await other.beat(token), "session_revoked", 401);
      assertError(await other.handshake(agent), "invalid_credentials", 401);
      assert.equal((await other.act(agent.id, "restore")).status, 200);
    }
  });

  await test.step("the first handshakes at both at once → both are let in, and one event says so", async () => {
    const agent = await one.createAgent();
    const replies = await Promise.all([one, other, one, other].map((client) => client.handshake(agent)));
    assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200, 200]);
    assert.equal(await countEvents(address, "first_handshake", agent.id), 1);
  });

  await test.step("their upkeep at once → one of them corrects, and what is removed is removed once", async () => {
    const agent = await one.createAgent();
    await one.beat(await one.session(agent));
    const unconfirmed = await one.createAgent();
    await execute(
      address,
      `update public.agent_beats set last_seen_at = now() + interval '1 hour' where agent_id = '${agent.id}';
       update public.agents set created_at = now() - interval '2 days', adopted_from = '${agent.id}'
       where id = '${unconfirmed.id}'`,
    );
    const stores = [await openPostgres(address), await openPostgres(address)];
    const [corrected] = await Promise.all([
      Promise.all(stores.map(({ call }) => databaseOver(call).health.upkeep())),
      Promise.all(stores.map(({ call }) => databaseOver(call).copies.forget())),
    ]);
    for (const store of stores) await store.close();
    assert.deepEqual(corrected.flat(), [agent.id]);
    assert.equal(await countEvents(address, "deleted", unconfirmed.id), 1);
  });

  await test.step("a third one with keys of its own → says which it signs with, and rejects their sessions", async () => {
    const agent = await one.createAgent();
    const token = await one.session(agent);
    await using stranger = await start({});
    const client = new FleetClient(stranger.base, stranger.operatorKey);
    const reply = await client.beat(token);
    assertError(reply, "token_invalid", 401);
    assert.match(String(reply.body.error_description), /it names no key of ours$/);
    const [ours, same, another] = [here, there, stranger].map(signingKeyOf);
    assert.equal(ours, same);
    assert.notEqual(ours, another);
    assert.equal(
      (await client.beat(await client.session(agent))).status,
      200,
      "after a handshake of its own",
    );
    assertError(await one.beat(await client.session(agent)), "token_invalid", 401);
  });
});

async function countEvents(address: string, kind: string, agentId: string): Promise<number> {
  return await withSql(address, async (sql) => {
    const [row] = await sql`select count(*)::integer as count from public.agent_events
      where kind = ${kind} and agent_id = ${agentId}`;
    return Number(row?.count);
  });
}

function signingKeyOf({ lines }: ServerHere): string {
  const found = /"signing_key":"([\w-]{43})"/.exec(
    lines.find((line) => line.includes("server started")) ?? "",
  );
  return found?.[1] ?? assert.fail("the server does not log its signing key");
}
