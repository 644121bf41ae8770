import assert from "node:assert/strict";
import { Webhook } from "npm:standardwebhooks@1.1.1";
import {
  type Message,
  noMail,
  NoReply,
  type Post,
  sendMessage,
} from "../../../../supabase/functions/_shared/channels/send.ts";
import { type HttpKindName, httpKinds } from "../../../../supabase/functions/_shared/channels/kinds.ts";
import { TargetRefused } from "../../../../supabase/functions/_shared/channels/targets.ts";
import type { ToldIncident } from "../../../../supabase/functions/_shared/channels/words.ts";
import { Receivers, receiverSettings, receiverToken, signingSecret } from "../../../_support/receivers.ts";

const at = new Date("2026-11-27T10:12:00Z");
const told: ToldIncident = {
  id: "0b9c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a11",
  kind: "offline",
  opened_at: "2026-11-27T10:00:00Z",
  closed_at: null,
  agents_count: 1,
  agents: [{ id: "5b1c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a22", name: "web-1" }],
  labels: { site: "berlin" },
  reason: null,
  changes_count: 0,
};

function message(kind: HttpKindName, changes: Partial<Message> = {}): Message {
  const shown = { ...told, agents: [...told.agents] };
  return {
    id: "delivery-1",
    type: "incident.opened",
    kind,
    settings: receiverSettings[kind],
    told,
    incident: shown,
    ...changes,
  };
}

const kinds = Object.keys(httpKinds) as HttpKindName[];

for (const kind of kinds) {
  for (const type of ["incident.opened", "incident.reminder", "incident.closed"] as const) {
    Deno.test(`${kind} takes ${type} as its documentation has it`, async () => {
      const receivers = new Receivers();
      const outcome = await sendMessage(message(kind, { type }), {
        post: receivers.post,
        mail: noMail("NONE"),
      }, at);
      assert.equal(outcome.state, "delivered", outcome.answer);
      assert.equal(receivers.kept.length, 1);
    });
  }

  for (const [what, name] of hostileNames()) {
    Deno.test(`${kind} takes a name that is ${what}, as text and nothing more`, async () => {
      const receivers = new Receivers();
      const hostile = { ...told, agents: [{ id: told.id, name }] };
      const outcome = await sendMessage(message(kind, { told: hostile }), {
        post: receivers.post,
        mail: noMail("NONE"),
      }, at);
      assert.equal(outcome.state, "delivered", outcome.answer);
      const [kept] = receivers.kept;
      assert.deepEqual(Object.keys(kept?.body ?? {}), Object.keys(httpKinds[kind].json));
    });
  }

  Deno.test(`${kind} answers 500, 429 and 410: later, not before it says, and never`, async () => {
    const receivers = new Receivers();
    receivers.next.push({ status: 500, text: "oops" }, { status: 429, retryAfter: "120" }, { status: 410 });
    const transports = { post: receivers.post, mail: noMail("NONE") };
    assert.deepEqual(await sendMessage(message(kind), transports, at), {
      state: "failed",
      answer: "500 oops",
      retryAfterSeconds: 0,
    });
    assert.deepEqual(await sendMessage(message(kind), transports, at), {
      state: "failed",
      answer: "429",
      retryAfterSeconds: 120,
    });
    assert.deepEqual(await sendMessage(message(kind), transports, at), { state: "gone", answer: "410" });
    assert.equal(receivers.kept.length, 0);
  });

  for (const status of [400, 413, 414, 415, 422, 431]) {
    Deno.test(`${kind} answers ${status}: it refuses this message`, async () => {
      const receivers = new Receivers();
      receivers.next.push({ status, text: "no such field" });
      const outcome = await sendMessage(message(kind), { post: receivers.post, mail: noMail("NONE") }, at);
      assert.deepEqual(outcome, { state: "refused", answer: `${status} no such field` });
    });
  }

  for (const status of [401, 403, 404, 408, 409, 425, 429]) {
    Deno.test(`${kind} answers ${status}: it may take it later`, async () => {
      const receivers = new Receivers();
      receivers.next.push({ status, text: "no" });
      const outcome = await sendMessage(message(kind), { post: receivers.post, mail: noMail("NONE") }, at);
      assert.deepEqual(outcome, { state: "failed", answer: `${status} no`, retryAfterSeconds: 0 });
    });
  }

  Deno.test(`${kind} is redirected: not delivered`, async () => {
    const receivers = new Receivers();
    receivers.next.push({ status: 302, text: "" });
    const outcome = await sendMessage(message(kind), { post: receivers.post, mail: noMail("NONE") }, at);
    assert.equal(outcome.state, "failed");
  });

  Deno.test(`${kind} repeats our settings in its reply: they are not kept`, async () => {
    const receivers = new Receivers();
    const { settings } = message(kind);
    const secrets = Object.entries(settings).filter(([name]) => name !== "chat_id").map(([, value]) => value);
    receivers.next.push({ status: 400, text: `bad ${secrets.join(" and ")}` });
    const { answer } = await sendMessage(message(kind), { post: receivers.post, mail: noMail("NONE") }, at);
    for (const secret of secrets) assert.ok(!answer.includes(secret), answer);
    assert.ok(!/secret-of|token-of|RRRR|whsec/.test(answer), answer);
  });
}

function hostileNames(): [what: string, name: string][] {
  return [
    ["a quote and a newline", 'a" \n }, "x": "y'],
    ["a template", "{token} {{title}} {nosuch}"],
    ["markup and mentions", "<!channel> @everyone *b* <@1> [x](https://evil.example) <b>"],
    ["emoji", "🦊".repeat(100)],
    ["500 characters", "x".repeat(500)],
    ["half of a surrogate pair", "a\ud83e"],
  ];
}

const refusals: [what: string, kind: HttpKindName, reply: { status: number; text: string }][] = [
  ["Slack, 200 with ok: false", "slack", { status: 200, text: '{"ok":false,"error":"invalid_auth"}' }],
  ["Telegram, 200 with ok: false", "telegram", { status: 200, text: '{"ok":false,"description":"x"}' }],
  ["Telegram, 200 with a page", "telegram", { status: 200, text: "<html>captive portal" }],
  ["ntfy, 200 with a page", "ntfy", { status: 200, text: "<html>" }],
  ["PagerDuty, 202 without success", "pagerduty", { status: 202, text: '{"status":"throttled"}' }],
];

for (const [what, kind, reply] of refusals) {
  Deno.test(`${what} is not delivered`, async () => {
    const receivers = new Receivers();
    receivers.next.push(reply);
    const outcome = await sendMessage(message(kind), { post: receivers.post, mail: noMail("NONE") }, at);
    assert.equal(outcome.state, "failed");
  });
}

Deno.test("markup is escaped where the receiver would act on it", async () => {
  const name = "<!channel> *b* @everyone";
  const hostile = { ...told, agents: [{ id: told.id, name }] };
  const receivers = new Receivers();
  const transports = { post: receivers.post, mail: noMail("NONE") };
  await sendMessage(message("slack", { told: hostile }), transports, at);
  await sendMessage(message("discord", { told: hostile }), transports, at);
  const [slack, discord] = receivers.kept.map(({ body }) => body);
  assert.ok(`${slack?.text}`.startsWith("&lt;!channel&gt; *b* @everyone is offline"), `${slack?.text}`);
  assert.ok(
    `${discord?.content}`.startsWith("\\<!channel\\> \\*b\\* \\@everyone is offline"),
    `${discord?.content}`,
  );
});

Deno.test("PagerDuty is triggered and resolved by one key, the incident's", async () => {
  const receivers = new Receivers();
  const transports = { post: receivers.post, mail: noMail("NONE") };
  await sendMessage(message("pagerduty"), transports, at);
  await sendMessage(message("pagerduty", { type: "incident.closed" }), transports, at);
  assert.deepEqual(receivers.kept.map(({ id }) => id), [`${told.id} trigger`, `${told.id} resolve`]);
});

Deno.test("a webhook's repeat has the same id, and a signature of its own time", async () => {
  const receivers = new Receivers();
  const sent: Post[] = [];
  const transports = {
    mail: noMail("NONE"),
    post: (post: Post) => {
      sent.push(post);
      return receivers.post(post);
    },
  };
  const now = new Date();
  await sendMessage(message("webhook"), transports, new Date(now.getTime() - 60_000));
  await sendMessage(message("webhook"), transports, now);
  assert.deepEqual(receivers.kept.map(({ id }) => id), ["delivery-1", "delivery-1"]);
  const [first, second] = sent;
  assert.notEqual(first?.headers["webhook-signature"], second?.headers["webhook-signature"]);
  // The library's own check, by the clock of this moment.
  new Webhook(signingSecret).verify(second?.body ?? "", second?.headers ?? {});
});

Deno.test("ntfy without a token sends no authorization", async () => {
  const receivers = new Receivers();
  const sent: Post[] = [];
  const settings = { url: "https://ntfy.example/sub/fleet" };
  const post = (one: Post) => {
    sent.push(one);
    return receivers.post(one);
  };
  const outcome = await sendMessage(message("ntfy", { settings }), { post, mail: noMail("NONE") }, at);
  assert.equal(outcome.state, "delivered");
  assert.equal(sent[0]?.headers.authorization, undefined);
});

Deno.test("mail goes to its one address with the delivery's id; without a mail server it says so", async () => {
  const mails: unknown[] = [];
  const mail = (one: unknown) => {
    mails.push(one);
    return Promise.resolve("250 OK");
  };
  const post = () => Promise.reject(new Error("nothing is posted"));
  const email = message("slack", { kind: "email", settings: { to: "ops@example.com" } });
  assert.deepEqual(await sendMessage(email, { post, mail }, at), { state: "delivered", answer: "250 OK" });
  assert.deepEqual(mails, [{
    id: "delivery-1",
    to: "ops@example.com",
    subject: "web-1 is offline",
    text: "Since 2026-11-27 10:00:00 UTC",
  }]);
  const outcome = await sendMessage(email, { post, mail: noMail("OPENCLAW_MAIL_URL") }, at);
  assert.equal(outcome.state, "failed");
  assert.match(outcome.answer, /this service has no mail server: OPENCLAW_MAIL_URL is not set/);
});

for (
  const error of [
    new NoReply("no reply from hooks.slack.com"),
    new TargetRefused("this is not a public address"),
  ]
) {
  Deno.test(`${error.name} is an answer, tried again later`, async () => {
    const post = () => Promise.reject(error);
    const outcome = await sendMessage(message("slack"), { post, mail: noMail("NONE") }, at);
    assert.deepEqual(outcome, { state: "failed", answer: error.message, retryAfterSeconds: 0 });
  });
}

Deno.test("a fault of our own is not an answer", async () => {
  const post = () => Promise.reject(new RangeError("a fault"));
  await assert.rejects(sendMessage(message("slack"), { post, mail: noMail("NONE") }, at), RangeError);
});

Deno.test("an answer is one line of at most 500 characters", async () => {
  const receivers = new Receivers();
  receivers.next.push({ status: 500, text: `a\r\n\u001b[31mb${"x".repeat(4000)} ${receiverToken}` });
  const { answer } = await sendMessage(message("slack"), { post: receivers.post, mail: noMail("NONE") }, at);
  assert.equal(answer.length, 500);
  assert.ok(answer.startsWith("500 a [31mb"), answer);
});

Deno.test("Discord takes the longest message there is, of what has to be escaped everywhere", async () => {
  const agents = Array.from({ length: 20 }, (_, n) => ({ id: `${n}`, name: "-".repeat(100) }));
  const many = { ...told, agents_count: 40, agents, labels: { a: "[".repeat(255) }, reason: "*".repeat(500) };
  const receivers = new Receivers();
  const outcome = await sendMessage(
    message("discord", { told: many }),
    { post: receivers.post, mail: noMail("NONE") },
    at,
  );
  assert.equal(outcome.state, "delivered", outcome.answer);
});

const repeated: [kind: HttpKindName, settings: Record<string, string>, echoed: string][] = [
  ["ntfy", { url: "https://ntfy.example/alerts" }, "alerts"],
  ["webhook", { ...receiverSettings.webhook, url: "https://a.example/in?key=hunter2" }, "hunter2"],
  ["slack", { url: "https://a.example/in/s%2Bcret?k=p%61ssword" }, "s+cret password"],
];

for (const [kind, settings, echoed] of repeated) {
  Deno.test(`what a receiver repeats of ${settings.url} is not kept: ${echoed}`, async () => {
    const receivers = new Receivers();
    receivers.next.push({ status: 200, text: `{"event":"message","topic":"${echoed}"}` });
    const { answer } = await sendMessage(
      message(kind, { settings }),
      { post: receivers.post, mail: noMail("NONE") },
      at,
    );
    for (const word of echoed.split(" ")) assert.ok(!answer.includes(word), answer);
  });
}
