import assert from "node:assert/strict";
import { afterFailedRotation, freshRotation, initialState, isOld, next } from "../../../cli/agent/rules.ts";
import { acceptance, changed, down, greeting, live, refusal } from "./_simulation.ts";

const day = 86_400;

for (
  const [ageDays, draw, expected] of [
    [26.9, 0, false],
    [27.1, 0, true],
    [28.4, 0.5, false],
    [28.6, 0.5, true],
    [29.9, 0.999, false],
    [30.1, 0.999, true],
  ] as const
) {
  Deno.test(`a secret of ${ageDays} days is ${expected ? "" : "not "}rotated every 30 days with the draw ${draw}`, () => {
    const age = { ageSeconds: ageDays * day, everySeconds: 30 * day };
    assert.equal(isOld(age, freshRotation(() => draw)), expected);
  });
}

Deno.test("a rotation that fails is tried again after 60 s × 4ⁿ × U(0.8, 1.2), at most an hour, and never sooner than asked", () => {
  for (const [random, factor] of [[0, 0.8], [0.5, 1], [0.999999, 1.2]] as const) {
    let rotation = freshRotation(() => random);
    for (const wait of [60, 240, 960, 3600, 3600]) {
      rotation = afterFailedRotation(rotation, { at: 100, retryAfter: 0 }, () => random);
      assert.ok(Math.abs(rotation.notBefore - 100 - wait * factor) < 0.01, `${rotation.notBefore}`);
    }
  }
  const asked = afterFailedRotation(freshRotation(() => 0), { at: 0, retryAfter: 5000 }, () => 0.5);
  assert.ok(Math.abs(asked.notBefore - 5500) < 0.01);
  const forever = afterFailedRotation(freshRotation(() => 0), { at: 0, retryAfter: 1e12 }, () => 0);
  assert.equal(forever.notBefore, 86_400, "more than a day is read as a day");
});

Deno.test("a handshake that was not due changes no beat's time", () => {
  const greeted = {
    type: "greeted",
    at: 0,
    refreshIn: 700,
    intervalSeconds: 60,
    nextHeartbeatIn: 30,
  } as const;
  const before = next(initialState, greeted, () => 0);
  const after = next(before.state, { type: "renewed", at: 10, refreshIn: 700 }, () => 0);
  assert.deepEqual([after.act, after.wait, after.state.due.at], ["beat", 20, 30]);
  assert.deepEqual(after.state.session, { refreshAt: 710 });
});

Deno.test("a directive to rotate that fails is followed ever more rarely, is told once, and no beat is late for it", async () => {
  const { seen, news } = await live({
    hours: 24,
    handshake: () => greeting({ refreshIn: 1e6 }),
    beat: () => acceptance(60, ["rotate"]),
    rotate: () => ({ kind: "failed", reason: "it is full", retryAfter: 0 }),
  });
  const rotations = seen.filter(({ act }) => act === "rotate");
  assert.ok(rotations.length >= 22 && rotations.length <= 36, `${rotations.length} tries in a day`);
  assert.equal(news.filter(({ event, level }) => event === "not_rotated" && level === "warn").length, 1);
  assert.ok(seen.filter(({ act }) => act === "beat").length > 1420);
});

Deno.test("a directive to rotate is followed at once, and once", async () => {
  let isDone = false;
  const { seen, news } = await live({
    hours: 1,
    beat: () => acceptance(60, isDone ? [] : ["rotate"]),
    rotate() {
      isDone = true;
      return changed();
    },
  });
  assert.deepEqual(seen.slice(0, 3).map(({ act }) => act), ["handshake", "beat", "rotate"]);
  assert.equal(seen.filter(({ act }) => act === "rotate").length, 1);
  assert.equal(news.filter(({ event }) => event === "rotated").length, 1);
});

Deno.test("a secret that grows old is rotated with the handshake that finds it, day after day", async () => {
  let made = 0;
  const { seen } = await live({
    hours: 24 * 7,
    rotateEverySeconds: day,
    handshake: ({ monotonic }) => greeting({ secretAgeSeconds: monotonic - 1000 - made }),
    rotate({ monotonic }) {
      made = monotonic - 1000;
      return changed();
    },
  });
  const times = seen.filter(({ act }) => act === "rotate").map(({ at }) => at);
  const ages = times.map((at, index) => at - (times[index - 1] ?? 0));
  assert.ok(times.length === 7 || times.length === 6, times.join(" "));
  // Up to a session later, which is when the age is told next.
  assert.ok(ages.every((age) => age > 0.9 * day && age < day + 700), ages.join(" "));
});

Deno.test("a directive to shake hands brings one at once, beside the beats, and the identity in its reply is used", async () => {
  const own = { agentId: "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", secret: "its own" };
  const adopted: unknown[] = [];
  const { seen, kept } = await live({
    hours: 0.2,
    handshake: (_world, { length }) =>
      greeting({ identity: length > 1 && adopted.length === 0 ? own : null }),
    beat: () => acceptance(60, adopted.length === 0 ? ["handshake"] : []),
    adopt(identity) {
      adopted.push(identity);
      return changed();
    },
  });
  assert.deepEqual(seen.slice(0, 4).map(({ act }) => act), ["handshake", "beat", "handshake", "adopt"]);
  assert.deepEqual(adopted, [own]);
  // A process that is killed before it has stored the identity leaves no session with which the next one would go on.
  assert.deepEqual(kept.slice(0, 2).map(({ identity }) => identity), [null, null]);
  assert.equal(kept.length, seen.filter(({ act }) => act === "handshake").length);
  const beats = seen.filter(({ act }) => act === "beat").map(({ at }) => at);
  assert.ok((beats[1] ?? 0) - (beats[0] ?? 0) > 59, beats.join(" "));
});

Deno.test("a server that says handshake with every beat, and gives nothing, gets one with every beat and no more", async () => {
  const { seen } = await live({ hours: 1, beat: () => acceptance(60, ["handshake"]) });
  const handshakes = seen.filter(({ act }) => act === "handshake").length;
  assert.ok(handshakes >= 58 && handshakes <= 62, `${handshakes}`);
});

Deno.test("a directive to shake hands that meets an outage delays no beat", async () => {
  const { seen, news } = await live({
    hours: 1,
    handshake: (_world, { length }) => length > 1 ? down : greeting({ refreshIn: 1e6 }),
    beat: () => acceptance(60, ["handshake"]),
  });
  assert.ok(seen.filter(({ act }) => act === "beat").length >= 60);
  assert.deepEqual(news.filter(({ event }) => event === "outage"), []);
});

Deno.test("invalid_credentials with another identity in the file: it asks again at once, and no verdict is told", async () => {
  let isMended = false;
  const { seen, news } = await live({
    hours: 0.1,
    handshake: () => isMended ? greeting() : refusal("invalid_credentials"),
    reread: () => isMended = true,
  });
  assert.deepEqual(seen.slice(0, 3).map(({ act }) => act), ["handshake", "handshake", "beat"]);
  assert.ok((seen[1]?.at ?? 9) < 1);
  assert.equal(news.some(({ event }) => event === "refused"), false);
});
