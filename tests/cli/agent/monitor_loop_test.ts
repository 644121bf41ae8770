import assert from "node:assert/strict";
import type { News } from "../../../cli/agent/monitor.ts";
import { fakeTimeouts } from "../../_support/fake_timeouts.ts";
import { acceptance, down, greeting, live, refusal, type Seen } from "./_simulation.ts";

function count(seen: Seen[], act: Seen["act"]): number {
  return seen.filter((one) => one.act === act).length;
}

function gaps(seen: Seen[]): number[] {
  return seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
}

Deno.test("a day in the life: a handshake first, a beat a minute, a handshake every 700 s, a farewell", async () => {
  const { seen, news } = await live({ hours: 24 });
  assert.equal(seen[0]?.act, "handshake");
  assert.equal(seen[1]?.act, "beat");
  const beats = count(seen, "beat");
  assert.ok(beats > 1420 && beats < 1442, `${beats} beats`);
  const handshakes = count(seen, "handshake");
  assert.ok(handshakes >= 118 && handshakes <= 124, `${handshakes} handshakes`);
  assert.equal(seen.at(-1)?.report?.status, "stopping");
  assert.equal(news.at(-1)?.event, "stopped");
});

Deno.test("the sequence number grows with every beat, an unanswered one included", async () => {
  const { seen } = await live({
    hours: 1,
    beat: (_world, { length }) => length % 3 === 0 ? down : acceptance(),
  });
  const numbers = seen.flatMap(({ report }) => report === undefined ? [] : [report.seq]);
  assert.ok(numbers.length > 50);
  assert.deepEqual(numbers, numbers.map((_, index) => index + 1));
});

Deno.test("the server's word on the next beat is obeyed, whatever the interval says", async () => {
  const { seen } = await live({
    hours: 1,
    beat: () => acceptance(200),
    handshake: () => greeting({ refreshIn: 1e6 }),
  });
  assert.equal(count(seen, "beat"), 3600 / 200 + 1);
});

Deno.test("a server that is down for six hours is asked about every few minutes, and it is said once", async () => {
  const { seen, news } = await live({ hours: 6, handshake: () => down });
  assert.equal(count(seen, "beat"), 0);
  assert.ok(seen.length > 6 * 12 && seen.length < 6 * 24 + 10, `${seen.length} requests`);
  // The last request is the farewell's.
  const late = gaps(seen.slice(0, -1)).slice(8);
  assert.ok(
    Math.min(...late) >= 149 && Math.max(...late) <= 301,
    `${Math.min(...late)} to ${Math.max(...late)} s`,
  );
  assert.equal(news.filter(({ level }) => level === "warn").length, 1);
});

Deno.test("an outage that ends is followed by beats at the server's pace, and it is said", async () => {
  const { seen, news } = await live({
    hours: 2,
    beat: ({ monotonic }) => monotonic < 1000 + 3600 ? down : acceptance(),
  });
  assert.equal(news.filter(({ event }) => event === "recovered").length, 1);
  const after = gaps(seen.filter(({ at, act }) => act === "beat" && at > 4200)).slice(0, -1);
  assert.ok(after.length > 40);
  assert.ok(after.every((gap) => gap > 59 && gap < 61), after.join(" "));
});

Deno.test("a revoked agent asks ever more rarely, says so once, never ends, and comes back when it is restored", async () => {
  const { seen, news } = await live({
    hours: 30,
    handshake: ({ monotonic }) => monotonic < 1000 + 24 * 3600 ? refusal("invalid_credentials") : greeting(),
  });
  const refused = seen.filter(({ at }) => at < 24 * 3600);
  assert.ok(refused.length >= 22 && refused.length <= 36, `${refused.length} requests in a day`);
  assert.equal(news.filter(({ level }) => level === "error").length, 1);
  assert.ok(count(seen, "beat") > 280, "it came back");
});

Deno.test("a server that greets and then refuses every beat is asked ever more rarely", async () => {
  const { seen } = await live({ hours: 4, beat: () => refusal("token_invalid") });
  assert.ok(seen.length < 240, `${seen.length} requests in four hours`);
  const asked = seen.filter(({ act }) => act === "handshake").slice(0, -1);
  assert.ok(Math.min(...gaps(asked).slice(10)) > 100);
});

Deno.test("a host that slept beats within 5 s of waking, and shakes hands if its session is over", async () => {
  let slept = false;
  const { seen, news } = await live({
    hours: 1,
    tick(world) {
      if (slept || world.monotonic < 1000 + 1500) return;
      slept = true;
      world.wall += 8 * 3600;
    },
  });
  assert.equal(news.filter(({ event }) => event === "resumed").length, 1);
  const waking = seen.filter(({ at }) => at >= 1500 && at < 1506);
  assert.deepEqual(waking.map(({ act }) => act), ["handshake", "beat"]);
});

Deno.test("a host that slept gives up the connections from before, and beats on a new one within 5 s", async () => {
  let woke = 0;
  const { seen, hungUp } = await live({
    hours: 1,
    handshake: () => greeting({ refreshIn: 1e6 }),
    tick(world) {
      if (woke > 0 || world.monotonic < 1000 + 1510) return;
      woke = world.monotonic - 1000;
      world.wall += 1200;
    },
  });
  assert.equal(hungUp.length, 1);
  const [at = NaN] = hungUp;
  assert.ok(at - woke <= 5, `${woke} and ${at} s`);
  const next = seen.find((one) => one.at >= at);
  assert.ok(next !== undefined && next.at - woke <= 5, `${next?.at} s`);
});

Deno.test("a wall clock that jumps every minute or back does not make more than a beat a minute", async () => {
  let ticks = 0;
  const { seen } = await live({
    hours: 2,
    beat: () => acceptance(600),
    handshake: () => greeting({ refreshIn: 1e9 }),
    tick(world) {
      ticks += 1;
      world.wall += ticks % 3 === 0 ? -3600 : 40;
    },
  });
  const beats = count(seen, "beat");
  assert.ok(beats > 60 && beats <= 123, `${beats} beats in 120 minutes`);
});

Deno.test("new credentials end a verdict's wait; the same ones change nothing", async () => {
  let hung = 0;
  const changed = await live({
    hours: 3,
    handshake: (_world, { length }) => length < 4 ? refusal("invalid_credentials") : greeting(),
    tick(world, inbox) {
      if (hung > 0 || world.monotonic < 1000 + 1000) return;
      hung += 1;
      inbox.put("reload");
    },
    reload: () => true,
  });
  const first = changed.seen.find(({ act }) => act === "beat");
  assert.ok(first !== undefined && first.at < 1010, `${first?.at} s`);
  let again = 0;
  const same = await live({
    hours: 1,
    tick: (_world, inbox) => ++again % 10 === 0 ? inbox.put("reload") : undefined,
    reload: () => false,
  });
  assert.ok(count(same.seen, "handshake") <= 7, `${count(same.seen, "handshake")} handshakes`);
});

Deno.test("a server that greets but takes no beat is complained of once", async () => {
  const { news } = await live({ hours: 12, beat: () => down });
  assert.equal(news.filter(({ level }) => level === "warn").length, 1);
});

Deno.test("an order to stop while the server is down ends at once, after one request", async () => {
  let asked = 0;
  const { seen, world } = await live({
    hours: 1,
    handshake: () => down,
    tick(world, inbox) {
      if (world.monotonic < 1000 + 1800) return;
      asked = world.monotonic;
      inbox.put("stop");
    },
  });
  assert.equal(count(seen, "beat"), 0);
  assert.ok((seen.at(-2)?.at ?? Infinity) < asked - 1000, "only the farewell comes after it");
  assert.ok(world.monotonic - asked < 0.1, `${world.monotonic - asked} s`);
});

/** What went out after the order to stop. */
async function farewell(rules: Partial<Parameters<typeof live>[0]>, after: number): Promise<string[]> {
  let asked = 0;
  const { seen } = await live({
    hours: 3,
    ...rules,
    tick(world, inbox) {
      if (asked > 0 || world.monotonic < 1000 + after) return;
      asked = world.monotonic - 1000;
      inbox.put("stop");
    },
  });
  return seen.filter(({ at }) => at >= asked).map(({ act, report }) => report?.status ?? act);
}

Deno.test("a farewell uses the session while it is good, else a new one", async () => {
  assert.deepEqual(await farewell({}, 100), ["stopping"]);
  const hourly = { beat: () => acceptance(3600), handshake: () => greeting({ intervalSeconds: 3600 }) };
  assert.deepEqual(await farewell(hourly, 1800), ["handshake", "stopping"], "the session is over");
});

Deno.test("a farewell in the pause after a 401 shakes hands first", async () => {
  const told = await farewell({
    random: () => 0.999,
    handshake: ({ monotonic }) => greeting({ intervalSeconds: monotonic > 1000 + 290 ? 5 : 60 }),
    beat: ({ monotonic }) => monotonic > 1000 + 299 ? refusal("session_revoked") : acceptance(),
  }, 304);
  assert.deepEqual(told, ["handshake", "stopping"]);
});

Deno.test("a farewell that is answered with a 401 is said again with one new session, and no more", async () => {
  const beat = (_world: unknown, seen: Seen[]) =>
    seen.at(-1)?.report?.status === "stopping" ? refusal("session_revoked") : acceptance();
  assert.deepEqual(await farewell({ beat }, 100), ["stopping", "handshake", "stopping"]);
});

Deno.test("a farewell is given up after 3 s, all its requests together", async () => {
  using timeouts = fakeTimeouts();
  const beat = (_world: unknown, seen: Seen[]) =>
    seen.at(-1)?.report?.status === "stopping" ? refusal("session_revoked") : acceptance();
  await farewell({ beat }, 100);
  assert.deepEqual(timeouts.asked, [3000]);
});

Deno.test("a refused agent asks for nothing in order to leave", async () => {
  assert.deepEqual(await farewell({ handshake: () => refusal("invalid_credentials") }, 100), []);
});

Deno.test("one beat that is interrupted says no goodbye", async () => {
  const { seen, end } = await live({
    hours: 1,
    once: true,
    beat: () => down,
    handshake: () => greeting({ nextHeartbeatIn: 60 }),
    tick: (_world, inbox) => inbox.put("stop"),
  });
  assert.equal(end.type, "interrupted");
  assert.deepEqual(seen.map(({ act }) => act), ["handshake"]);
});

Deno.test("looking at the host does not make beats late", async () => {
  const { seen } = await live({ hours: 1, observing: 8, handshake: () => greeting({ refreshIn: 1e6 }) });
  const waits = gaps(seen.filter(({ act }) => act === "beat")).slice(1, -1);
  assert.ok(waits.length > 55 && waits.every((gap) => gap >= 60 && gap < 60.2), waits.join(" "));
});

Deno.test("a host that slept while a handshake was under way keeps the session that it brought", async () => {
  const { seen } = await live({
    hours: 0.1,
    handshake(world, { length }) {
      if (length === 1) world.wall += 8 * 3600;
      return greeting();
    },
  });
  assert.equal(count(seen, "handshake"), 1);
});

Deno.test("a host that slept while a beat was lost tries again at once", async () => {
  let lostAt = 0;
  const { seen } = await live({
    hours: 0.5,
    random: () => 0.99,
    beat(world) {
      if (lostAt > 0 || world.monotonic < 1000 + 600) return acceptance();
      lostAt = world.monotonic - 1000;
      world.wall += 300;
      return down;
    },
  });
  const next = seen.find(({ at }) => at >= lostAt);
  assert.ok((next?.at ?? Infinity) - lostAt < 1, `${(next?.at ?? NaN) - lostAt} s`);
});

/** What is told of the host's status, without its texts. */
function toldOfStatus(news: News[]): (string | number | null | undefined)[][] {
  return news.filter(({ event }) => event === "status")
    .map(({ level, details }) => [level, details?.status, details?.status_message]);
}

Deno.test("a host that is not well is told of once, and once that it is well again; the server hears it at every beat", async () => {
  const { seen, news } = await live({
    hours: 3,
    health: ({ monotonic }) =>
      monotonic < 1000 + 3600 || monotonic > 1000 + 7200
        ? { status: "healthy", message: "DISK OK" }
        : { status: "degraded", message: `DISK WARNING - ${Math.round(monotonic)} left` },
  });
  const [[, , reason] = [], ...others] = toldOfStatus(news);
  assert.match(String(reason), /^DISK WARNING - 4[67]\d\d left$/);
  assert.deepEqual(others, [["info", "healthy", "DISK OK"]]);
  const texts = news.filter(({ event }) => event === "status").map(({ level, text }) => `${level} ${text}`);
  assert.deepEqual(texts, [`warn the host is degraded: ${reason}`, "info the host is healthy: DISK OK"]);
  const degraded = seen.filter(({ report }) => report?.status === "degraded");
  assert.ok(degraded.length >= 59 && degraded.length <= 61, `${degraded.length} beats`);
});

Deno.test("a host that gets worse, or a little better, is told of at each change", async () => {
  const stages = ["degraded", "unhealthy", "degraded", "healthy"] as const;
  const { news } = await live({
    hours: 2,
    health: ({ monotonic }) => ({ status: stages[Math.floor((monotonic - 1000) / 1200)] ?? "healthy" }),
  });
  assert.deepEqual(toldOfStatus(news), [
    ["warn", "degraded", undefined],
    ["warn", "unhealthy", undefined],
    ["warn", "degraded", undefined],
    ["info", "healthy", undefined],
  ]);
  assert.equal(news.find(({ event }) => event === "status")?.text, "the host is degraded");
});

Deno.test("of a host that is well all the time no status is told, whatever its message is", async () => {
  const { news } = await live({
    hours: 1,
    health: ({ monotonic }) => ({ status: "healthy", message: `up ${monotonic} s` }),
  });
  assert.deepEqual(toldOfStatus(news), []);
});

Deno.test("a host that is not well is told of where it is, though the server takes no beat", async () => {
  const { news } = await live({ hours: 2, beat: () => down, health: () => ({ status: "unhealthy" }) });
  assert.deepEqual(toldOfStatus(news), [["warn", "unhealthy", undefined]]);
});

Deno.test("what an order to stop cut short is told of as no status of the host", async () => {
  const { news, seen } = await live({
    hours: 1,
    health: (world, inbox) => {
      if (world.monotonic < 1000 + 1800) return { status: "healthy" };
      inbox.put("stop");
      return { status: "unhealthy", message: "the status command failed: it was not done within 10 s" };
    },
  });
  assert.deepEqual(toldOfStatus(news), []);
  assert.equal(seen.at(-1)?.report?.status, "stopping");
  assert.ok(seen.every(({ report }) => report?.status !== "unhealthy"));
});

Deno.test("a request that the server refuses as invalid is told once, by the server's words, and tried again", async () => {
  const { news, seen } = await live({ hours: 2, handshake: () => refusal("invalid_request") });
  const told = news.filter(({ level }) => level === "error" || level === "warn");
  assert.deepEqual(told.map(({ level, event }) => ({ level, event })), [{
    level: "error",
    event: "invalid_request",
  }]);
  assert.match(
    told[0]?.text ?? "",
    /^the server does not take what this agent sends: Cannot accept it: invalid_request; trying again in /,
  );
  assert.ok(news.every(({ text }) => !/cannot reach/.test(text)));
  assert.ok(seen.length > 20);
});

Deno.test("an outage after such a refusal is told, too", async () => {
  let asked = 0;
  const { news } = await live({ hours: 1, handshake: () => ++asked < 4 ? refusal("invalid_request") : down });
  const told = news.filter(({ level }) => level === "error" || level === "warn").map(({ event }) => event);
  assert.deepEqual(told, ["invalid_request", "outage"]);
});
