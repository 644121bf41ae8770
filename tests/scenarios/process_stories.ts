import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { generateSigningKey } from "../../supabase/functions/_shared/keys.ts";
import { assertError, record, type Reply, send, text } from "../_support/client.ts";
import { type Story, toldOfProcess } from "./story.ts";

const old = await generateSigningKey();
const fresh = await generateSigningKey();

/** The story of the server's process that depends on where it keeps its rows. */
export const stopStories: Story[] = [
  toldOfProcess(
    "SIGTERM under load → what is in flight is answered, the exit code is 0, and the next start has all of it",
    async (fleet) => {
      const agent = await fleet.client.createAgent({ name: "stays" });
      const token = await fleet.client.session(agent);
      const key = fleet.server.operatorKey;
      const beats = Array.from({ length: 20 }, () => fleet.client.beat(token));
      await Promise.race(beats);
      const [code, ...results] = await Promise.all([fleet.server.stop(), ...beats.map(settled)]);
      assert.equal(code, 0);
      const answered = results.filter((result) => result !== "refused");
      assert.ok(answered.length > 0 && answered.every((result) => result === 200), String(results));

      await fleet.restart();
      assert.equal(fleet.server.operatorKey, key);
      const [row] = await fleet.sql("select heartbeats_count::integer as beats from public.agent_beats");
      assert.equal(row?.beats, answered.length);
      assert.equal((await fleet.client.beat(token)).status, 200);
      assert.equal((await fleet.client.agent(agent.id)).name, "stays");
    },
  ),
];

/** Stories of the server's process: its stop, and what it is started with. */
export const processStories: Story[] = [
  ...stopStories,
  toldOfProcess(
    "starts with other keys and lifetimes → a session is good until its key is dropped",
    async (fleet) => {
      const agent = await fleet.client.createAgent();
      const before = sessionOf(await fleet.client.handshake(agent), 60);
      const data = fleet.server.data;
      assert.equal(await Deno.readTextFile(join(data, "url")), "http://127.0.0.1:54321\n", "the public one");
      const show = (apikey: string): Promise<Reply> =>
        send(`${fleet.client.base}/agents/${agent.id}`, { headers: { apikey } });
      const kept = await readerKeyIn(data);
      assert.equal((await show(kept)).status, 200);
      await Deno.remove(join(data, "reader-key"));

      await fleet.restart({ ...ring(fresh, old), AGENT_SESSION_TTL_SECONDS: "86400" });
      const after = sessionOf(await fleet.client.handshake(agent), 86_400);
      assert.deepEqual([before, after].map(kidOf), [old.kid, fresh.kid]);
      assert.equal((await fleet.client.beat(before)).status, 200);
      assert.equal((await fleet.client.beat(after)).status, 200);
      const { body } = await send(`${fleet.client.base}/jwks`);
      const kids = (Array.isArray(body.keys) ? body.keys : []).map((key) => record(key).kid);
      assert.deepEqual(kids, [fresh.kid, old.kid]);
      assert.ok(!JSON.stringify(body).includes('"d"'), "no private half");
      assertError(await show(kept), "operator_required", 401);
      assert.equal((await show(await readerKeyIn(data))).status, 200);

      await fleet.restart(ring(fresh));
      assertError(await fleet.client.beat(before), "token_invalid", 401);
      assert.equal((await fleet.client.beat(after)).status, 200);
    },
    { ...ring(old), AGENT_SESSION_TTL_SECONDS: "60" },
  ),
];

function ring(...keys: unknown[]): Record<string, string> {
  return { AGENT_JWT_KEYS: JSON.stringify({ keys }) };
}

/** The session's token; the session has this lifetime, and is renewed in time. */
function sessionOf({ body }: Reply, seconds: number): string {
  const { iat, exp } = decodeJwt(text(body.token));
  assert.equal(Number(exp) - Number(iat), seconds);
  assert.equal(body.expires_in, seconds);
  const refreshIn = Number(body.refresh_in);
  assert.ok(refreshIn >= 0.7 * seconds - 1 && refreshIn <= 0.9 * seconds, `refresh_in is ${refreshIn}`);
  return text(body.token);
}

function kidOf(token: string): unknown {
  return decodeProtectedHeader(token).kid;
}

async function readerKeyIn(data: string): Promise<string> {
  return (await Deno.readTextFile(join(data, "reader-key"))).trim();
}

async function settled(reply: Promise<Reply>): Promise<number | "refused"> {
  try {
    return (await reply).status;
  } catch (error) {
    // The server takes no more connections once it was told to stop.
    if (error instanceof TypeError) return "refused";
    throw error;
  }
}
