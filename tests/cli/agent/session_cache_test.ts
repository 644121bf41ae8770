import assert from "node:assert/strict";
import { SessionCache } from "../../../cli/agent/session_cache.ts";
import { temporaryFolder } from "../../_support/server.ts";

const session = {
  token: "a.b.c",
  expiresIn: 900,
  refreshIn: 700,
  intervalSeconds: 60,
  nextHeartbeatIn: 0,
  agent: { id: "a", name: "edge 1" },
};

Deno.test("a session that is removed while a beat is noted is no reason to warn", async () => {
  await using folder = await temporaryFolder();
  const cache = new SessionCache(folder.path, { owner: "o", warn: (text) => assert.fail(text) });
  await cache.write(session, new Date());
  const plain = Deno.utime;
  Deno.utime = async (path, ...times) => {
    await Deno.remove(path);
    await plain(path, ...times);
  };
  try {
    await cache.touch(new Date());
  } finally {
    Deno.utime = plain;
  }
  assert.equal(await cache.lastBeat(), null);
});
