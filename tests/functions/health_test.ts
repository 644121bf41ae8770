import assert from "node:assert/strict";
import { watchRoom } from "../../supabase/functions/_shared/database/room.ts";
import { unavailable } from "../../supabase/functions/_shared/http/errors.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import { endpoint } from "../../supabase/functions/health/handler.ts";
import { ask, testBackend } from "../_support/backend.ts";

Deno.test("GET /health asks the database, and answers exactly as the contract shows it", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend);
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { ok: true, version, database: "ok", tick: 3 });
  assert.deepEqual(backend.calls, [{ name: "health.ping", args: [] }]);
});

Deno.test("GET /health asks the database once a second at most, whatever it answered", async () => {
  let pings = 0;
  const ping = () => Promise.reject(unavailable("the database", new Error(`ping ${++pings}`)));
  const backend = await testBackend({ health: { ping } });
  const { now } = backend.clock;
  const at = async (milliseconds: number): Promise<number> => {
    backend.clock.now = new Date(now.getTime() + milliseconds);
    return (await ask(endpoint, backend)).status;
  };
  assert.deepEqual([await at(0), await at(500), await at(999)], [503, 503, 503]);
  assert.equal(pings, 1);
  await at(1000);
  assert.equal(pings, 2);
  await at(-3_600_000);
  assert.equal(pings, 3, "a clock that was set back keeps no answer");
});

for (
  const [state, isFull] of [["53100", true], ["53200", true], ["53300", false], ["25006", false]] as const
) {
  Deno.test(`a write that was refused with ${state} ${isFull ? "makes" : "does not make"} health unavailable`, async () => {
    let now = 0;
    let refuses = true;
    let written: unknown = true;
    const cause = Object.assign(new Error("could not extend file"), { code: state });
    const call = watchRoom(
      ({ effect }) =>
        refuses && effect !== "reads"
          ? Promise.reject(unavailable("the database", cause))
          : Promise.resolve(written),
      () => now,
    );
    const write = () => call({ name: "create_agent", args: {}, effect: "changes" });
    const beat = () => call({ name: "record_ordinary_heartbeats", args: {}, effect: "beats" });
    const ping = () =>
      call({ name: "check_health", args: {}, effect: "reads" }).then(() => "ok", ({ code }) => code);
    const told = isFull ? "unavailable" : "ok";
    await assert.rejects(write(), { code: "unavailable" });
    assert.equal(await ping(), told);
    refuses = false;
    written = null;
    await beat();
    assert.equal(await ping(), told, "all beats were left to another call");
    written = { "1": 60 };
    await beat();
    assert.equal(await ping(), "ok", "the next write was taken");
    refuses = true;
    await assert.rejects(write(), { code: "unavailable" });
    now = 59_999;
    assert.equal(await ping(), told);
    now = 60_000;
    assert.equal(await ping(), "ok", "nobody has tried for a minute");
  });
}
