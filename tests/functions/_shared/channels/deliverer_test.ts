import assert from "node:assert/strict";
import { Deliverer } from "../../../../supabase/functions/_shared/channels/deliverer.ts";
import {
  noMail,
  NoReply,
  type Post,
  type PostReply,
} from "../../../../supabase/functions/_shared/channels/send.ts";
import type { Attempt, ClaimedDelivery } from "../../../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";
import { Receivers, receiverSettings } from "../../../_support/receivers.ts";
import { until } from "../../../_support/wait.ts";

const incident = {
  id: "0b9c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a11",
  kind: "offline",
  opened_at: "2026-11-27T10:00:00Z",
  closed_at: null,
  agents_count: 1,
  agents: [{ id: "5b1c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a22", name: "web-1" }],
  labels: {},
  reason: null,
  changes_count: 0,
};

function delivery(
  id: string,
  kind: keyof typeof receiverSettings,
  changes: Partial<ClaimedDelivery> = {},
): ClaimedDelivery {
  const channel = { id: kind, name: kind, kind, settings: receiverSettings[kind] };
  return { id, type: "opened", attempt: 1, incident, channel, ...changes };
}

/** An outbox in memory: the first delivery of each channel that nobody has. */
class Outbox {
  readonly recorded: Attempt[] = [];
  readonly #held = new Set<string>();
  constructor(readonly waiting: ClaimedDelivery[]) {}

  readonly claim = ({ most }: { most: number }): Promise<ClaimedDelivery[]> => {
    const firsts = this.waiting.filter(({ channel }, place) =>
      this.waiting.findIndex((other) => other.channel.id === channel.id) === place
    );
    const claimed = firsts.filter(({ id }) => !this.#held.has(id)).slice(0, most);
    for (const { id } of claimed) this.#held.add(id);
    return Promise.resolve(claimed);
  };

  readonly record = (attempt: Attempt): Promise<{ state: string }> => {
    this.recorded.push(attempt);
    if (attempt.outcome !== "retry") {
      this.waiting.splice(this.waiting.findIndex(({ id }) => id === attempt.id), 1);
    }
    return Promise.resolve({ state: attempt.outcome });
  };
}

function delivererOf(
  outbox: Pick<Outbox, "claim" | "record">,
  post: (post: Post) => Promise<PostReply>,
): { deliverer: Deliverer; lines: string[] } {
  const lines: string[] = [];
  const deliverer = new Deliverer({
    database: { deliveries: outbox },
    transports: { post, mail: noMail("OPENCLAW_SMTP_URL") },
    log: new Log((line) => lines.push(line)),
    now: () => new Date("2026-11-27T10:12:00Z"),
  });
  return { deliverer, lines };
}

Deno.test("what waits for a channel goes out in order, one at a time, and each is recorded", async () => {
  const receivers = new Receivers();
  const outbox = new Outbox([
    delivery("1", "webhook"),
    delivery("2", "webhook", { type: "reminder" }),
    delivery("3", "webhook", { type: "closed" }),
  ]);
  let atOnce = 0;
  const { deliverer, lines } = delivererOf(outbox, async (post) => {
    atOnce += 1;
    assert.equal(atOnce, 1);
    const reply = await receivers.post(post);
    atOnce -= 1;
    return reply;
  });
  await deliverer.drain(10_000);
  assert.deepEqual(receivers.kept.map(({ id, body }) => [id, body.type]), [
    ["1", "incident.opened"],
    ["2", "incident.reminder"],
    ["3", "incident.closed"],
  ]);
  assert.deepEqual(outbox.recorded.map(({ id, outcome }) => [id, outcome]), [
    ["1", "delivered"],
    ["2", "delivered"],
    ["3", "delivered"],
  ]);
  assert.equal(lines.length, 3);
  assert.ok(lines.every((line) => !line.includes("whsec_") && !line.includes("/hooks/")), lines.join("\n"));
});

Deno.test("what a receiver says that it will not take is recorded as refused, with what it said", async () => {
  const receivers = new Receivers();
  receivers.next.push({ status: 400, text: "no such field" });
  const outbox = new Outbox([delivery("1", "slack"), delivery("2", "slack")]);
  const { deliverer } = delivererOf(outbox, receivers.post);
  await deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ id, outcome, answer }) => [id, outcome, answer]), [
    ["1", "refused", "400 no such field"],
    ["2", "delivered", "200 ok"],
  ]);
});

Deno.test("a receiver that hangs holds up its own channel, and no other", async () => {
  const receivers = new Receivers();
  const outbox = new Outbox([delivery("1", "slack"), delivery("2", "discord"), delivery("3", "discord")]);
  const { deliverer } = delivererOf(
    outbox,
    (post) => post.url.hostname === "hooks.slack.com" ? new Promise(() => {}) : receivers.post(post),
  );
  await deliverer.begin();
  await until("Discord's", () => outbox.recorded.length === 2);
  assert.deepEqual(receivers.kept.map(({ kind }) => kind), ["discord", "discord"]);
  await deliverer.stop(10);
});

Deno.test("a receiver that refuses is tried later, not before it says; the answer is kept", async () => {
  const receivers = new Receivers();
  receivers.next.push({ status: 429, text: "slow down", retryAfter: "30" });
  const outbox = new Outbox([delivery("1", "slack", { attempt: 4 })]);
  const { deliverer } = delivererOf(outbox, receivers.post);
  await deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded, [{
    id: "1",
    attempt: 4,
    outcome: "retry",
    answer: "429 slow down",
    retryAfterSeconds: 30,
  }]);
});

Deno.test("a receiver that is gone for good is recorded as gone", async () => {
  const receivers = new Receivers();
  receivers.next.push({ status: 410 });
  const outbox = new Outbox([delivery("1", "slack")]);
  await delivererOf(outbox, receivers.post).deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ outcome }) => outcome), ["gone"]);
});

Deno.test("no reply is tried later", async () => {
  const outbox = new Outbox([delivery("1", "slack")]);
  const { deliverer } = delivererOf(outbox, () => Promise.reject(new NoReply("hooks.slack.com: reset")));
  await deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ outcome, answer }) => [outcome, answer]), [[
    "retry",
    "hooks.slack.com: reset",
  ]]);
});

Deno.test("a kind that this version does not know is tried later, and holds nobody up", async () => {
  const receivers = new Receivers();
  const channel = { id: "c", name: "c", kind: "pigeon", settings: {} };
  const outbox = new Outbox([delivery("1", "slack", { channel }), delivery("2", "slack")]);
  await delivererOf(outbox, receivers.post).deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ id, outcome }) => [id, outcome]).sort(), [
    ["1", "retry"],
    ["2", "delivered"],
  ]);
});

Deno.test("an incident that this version cannot read is tried later, and holds nobody up", async () => {
  const receivers = new Receivers();
  const outbox = new Outbox([delivery("1", "slack", { incident: { id: 5 } }), delivery("2", "discord")]);
  await delivererOf(outbox, receivers.post).deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ id, outcome }) => [id, outcome]).sort(), [
    ["1", "retry"],
    ["2", "delivered"],
  ]);
});

Deno.test("a database that is gone when an answer is to be recorded is a line in the log, and ends nothing", async () => {
  const receivers = new Receivers();
  const outbox = new Outbox([delivery("1", "slack"), delivery("2", "discord")]);
  const record = (attempt: Attempt) =>
    attempt.id === "1" ? Promise.reject(new Error("connection lost")) : outbox.record(attempt);
  const { deliverer, lines } = delivererOf({ claim: outbox.claim, record }, receivers.post);
  await deliverer.drain(10_000);
  assert.deepEqual(outbox.recorded.map(({ id }) => id), ["2"]);
  assert.ok(
    lines.some((line) => line.includes("delivery was not recorded") && line.includes("connection lost")),
  );
});

Deno.test("at most 50 are under way, however many channels there are", async () => {
  const many = Array.from({ length: 80 }, (_, n) => {
    const channel = { id: `${n}`, name: `${n}`, kind: "slack", settings: receiverSettings.slack };
    return delivery(`${n}`, "slack", { channel });
  });
  const outbox = new Outbox(many);
  let posts = 0;
  const { deliverer } = delivererOf(outbox, () => {
    posts += 1;
    return new Promise(() => {});
  });
  await deliverer.begin();
  await deliverer.begin();
  assert.equal(posts, 50);
  await deliverer.stop(10);
  await deliverer.begin();
  assert.equal(posts, 50);
});

Deno.test("a drain ends with its time, and leaves what hangs", async () => {
  const outbox = new Outbox([delivery("1", "slack")]);
  const { deliverer } = delivererOf(outbox, () => new Promise(() => {}));
  await deliverer.drain(20);
  assert.deepEqual(outbox.recorded, []);
  await deliverer.stop(10);
});

Deno.test("a delivery that a fault of ours keeps from being sent is recorded, and its address is not in the log", async () => {
  const outbox = new Outbox([delivery("1", "slack")]);
  const { deliverer, lines } = delivererOf(outbox, ({ url }) => Promise.reject(new TypeError(`bad: ${url}`)));
  await deliverer.drain(5000);
  assert.deepEqual(outbox.recorded.map(({ outcome, answer }) => [outcome, answer]), [
    ["retry", "this server could not send it: TypeError"],
  ]);
  assert.ok(lines.some((line) => line.includes("delivery could not be sent")), lines.join("\n"));
  assert.ok(!lines.join().includes("secret-of-slack"), lines.join("\n"));
});
