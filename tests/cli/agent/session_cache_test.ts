import assert from "node:assert/strict";
import { SessionCache } from "../../../cli/agent/session_cache.ts";
import { temporaryFolder } from "../../_support/server.ts";

const now = new Date("2026-11-23T12:00:00Z");
const owner = "sha256:1";
const greeting = {
  token: "eyJraWQiOiJrIn0.e30.sig",
  expiresIn: 900,
  refreshIn: 700,
  intervalSeconds: 60,
  nextHeartbeatIn: 0,
  agent: { id: "an id", name: "edge 1" },
  secretAgeSeconds: 60,
  identity: null,
};

/** What a cache reads a minute after it wrote a session, and what it warned of, where the file was changed meanwhile. */
async function readAfter(change: (session: Record<string, unknown>) => unknown) {
  await using folder = await temporaryFolder();
  const warnings: string[] = [];
  const cache = new SessionCache(folder.path, { owner, warn: (text) => warnings.push(text) });
  await cache.write(greeting, now);
  const session: Record<string, unknown> = { ...JSON.parse(await Deno.readTextFile(cache.path)) };
  const changed = change(session);
  await Deno.writeTextFile(cache.path, typeof changed === "string" ? changed : JSON.stringify(changed));
  const read = await cache.read(new Date(now.getTime() + 60_000));
  return { read, warnings };
}

Deno.test("a kept session is read with its age and the time that is left", async () => {
  const { read, warnings } = await readAfter((session) => session);
  assert.deepEqual(read, {
    token: greeting.token,
    ageSeconds: 60,
    expiresIn: 900,
    refreshIn: 640,
    intervalSeconds: 60,
  });
  assert.deepEqual(warnings, []);
});

Deno.test("a session that is due to be renewed is not used, which is no fault", async () => {
  const received_at = new Date(now.getTime() - 800_000).toISOString();
  assert.deepEqual(await readAfter((session) => ({ ...session, received_at })), { read: null, warnings: [] });
});

const faults: [name: string, change: (session: Record<string, unknown>) => unknown, says: RegExp][] = [
  ["that is half a file", () => "{", /the file is broken$/],
  ["of another version", (session) => ({ ...session, version: 2 }), /another version$/],
  [
    "of another agent, secret or server",
    (session) => ({ ...session, owner: "sha256:0" }),
    /belongs to another/,
  ],
  [
    "from the future",
    (session) => ({ ...session, received_at: new Date(now.getTime() + 3_600_000).toISOString() }),
    /in the future$/,
  ],
  ["whose token is a number", (session) => ({ ...session, token: 7 }), /the file is broken$/],
  ["whose token is not one of ours", (session) => ({ ...session, token: "no token\nof ours" }), /is broken$/],
];

for (const [name, change, says] of faults) {
  Deno.test(`a session ${name} is not used, and one line says why`, async () => {
    const { read, warnings } = await readAfter(change);
    assert.equal(read, null);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /^the session in ".*session\.json" is not used: /);
    assert.match(warnings[0] ?? "", says);
  });
}

Deno.test("a beat of one agent does not touch the session of another in the same folder", async () => {
  await using folder = await temporaryFolder();
  const warn = (text: string): void => assert.fail(text);
  const [ours, theirs] = [owner, "sha256:2"].map((owner) => new SessionCache(folder.path, { owner, warn }));
  await theirs?.write(greeting, now);
  await theirs?.touch(now);
  await ours?.touch(new Date(now.getTime() + 60_000));
  assert.deepEqual([await theirs?.lastBeat(), await ours?.lastBeat()], [now, null]);
});

Deno.test("a session that is removed while a beat is noted is no reason to warn", async () => {
  await using folder = await temporaryFolder();
  const cache = new SessionCache(folder.path, { owner, warn: (text) => assert.fail(text) });
  await cache.write(greeting, now);
  const plain = Deno.lstat;
  let looks = 0;
  // The first look finds whose session it is, the second one the file whose time is to be set.
  Deno.lstat = async (path) => {
    const info = await plain(path);
    looks += 1;
    if (looks === 2) await Deno.remove(path);
    return info;
  };
  try {
    await cache.touch(now);
  } finally {
    Deno.lstat = plain;
  }
  assert.equal(looks, 2);
  assert.equal(await cache.lastBeat(), null);
});
