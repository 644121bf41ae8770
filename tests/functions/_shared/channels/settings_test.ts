import assert from "node:assert/strict";
import type { ChannelKind } from "../../../../supabase/functions/_shared/channels/kinds.ts";
import { channelKinds } from "../../../../supabase/functions/_shared/channels/kinds.ts";
import {
  parseSettings,
  secretsOf,
  shownSettings,
} from "../../../../supabase/functions/_shared/channels/settings.ts";
import { makeSigningSecret } from "../../../../supabase/functions/_shared/channels/sign.ts";
import { ContractError } from "../../../../supabase/functions/_shared/http/errors.ts";
import { receiverSettings } from "../../../_support/receivers.ts";

const made = makeSigningSecret(new Uint8Array(32));
const good: Record<ChannelKind, Record<string, string>> = {
  ...receiverSettings,
  email: { to: "ops@example.com" },
};

for (const kind of channelKinds) {
  Deno.test(`${kind}: sound settings are taken, and shown without what is secret`, () => {
    const settings = parseSettings(kind, { ...good[kind], more: "ignored" }, () => made);
    assert.equal(Object.hasOwn(settings, "more"), false);
    const shown = JSON.stringify(shownSettings(kind, settings));
    for (const secret of secretsOf(kind, settings)) assert.ok(!shown.includes(secret), shown);
    assert.ok(!/secret-of|token-of|RRRR|whsec/.test(shown), shown);
  });
}

Deno.test("a webhook without a secret gets one", () => {
  assert.deepEqual(parseSettings("webhook", { url: "https://a.example/x" }, () => made), {
    url: "https://a.example/x",
    secret: made,
  });
});

Deno.test("an address is shown by its scheme and host, port included", () => {
  const url = "https://a.example:8443/secret?x=y";
  assert.deepEqual(shownSettings("slack", { url }), { url: "https://a.example:8443" });
});

Deno.test("a chat and a mail address are shown", () => {
  assert.deepEqual(shownSettings("telegram", receiverSettings.telegram), { chat_id: "-1001234567890" });
  assert.deepEqual(shownSettings("email", good.email), { to: "ops@example.com" });
});

const bad: [kind: ChannelKind, settings: unknown, field: string][] = [
  ["slack", null, "settings"],
  ["slack", [], "settings"],
  ["slack", {}, "settings.url"],
  ["slack", { url: 5 }, "settings.url"],
  ["slack", { url: "" }, "settings.url"],
  ["slack", { url: "hooks.slack.com/x" }, "settings.url"],
  ["slack", { url: "ftp://a.example/" }, "settings.url"],
  ["slack", { url: "javascript:alert(1)" }, "settings.url"],
  ["slack", { url: "file:///etc/passwd" }, "settings.url"],
  ["slack", { url: "https://user:pass@a.example/" }, "settings.url"],
  ["slack", { url: "https://a.example/#part" }, "settings.url"],
  ["slack", { url: "https://a.example/\n" }, "settings.url"],
  ["slack", { url: `https://a.example/${"x".repeat(2048)}` }, "settings.url"],
  ["webhook", { url: "https://a.example/", secret: "whsec_short" }, "settings.secret"],
  ["webhook", { url: "https://a.example/", secret: "x".repeat(40) }, "settings.secret"],
  ["telegram", { token: "a b", chat_id: "1" }, "settings.token"],
  ["telegram", { token: "a" }, "settings.chat_id"],
  ["telegram", { token: "a", chat_id: 5 }, "settings.chat_id"],
  ["telegram", { token: "a", chat_id: "somebody" }, "settings.chat_id"],
  ["slack", { url: "https://a.example:0/x" }, "settings.url"],
  ["slack", { url: `https://a.example/${"😀".repeat(1000)}` }, "settings.url"],
  ["ntfy", { url: "https://ntfy.example/" }, "settings.url"],
  ["ntfy", { url: "https://ntfy.example/?topic" }, "settings.url"],
  ["ntfy", { url: "https://ntfy.example/topic?auth=x" }, "settings.url"],
  ["gotify", { url: "https://a.example/" }, "settings.token"],
  ["ntfy", { url: "https://a.example/x", token: "a\r\nb" }, "settings.token"],
  ["pagerduty", { routing_key: "short" }, "settings.routing_key"],
  ["email", { to: "ops" }, "settings.to"],
  ["email", { to: "a@b.example, c@d.example" }, "settings.to"],
  ["email", { to: "a@b.example\r\nBcc: c@d.example" }, "settings.to"],
  ["email", { to: "Ops <a@b.example>" }, "settings.to"],
];

for (const [kind, settings, field] of bad) {
  Deno.test(`${kind} with ${JSON.stringify(settings)?.slice(0, 60)} is refused by the field's name`, () => {
    assert.throws(() => parseSettings(kind, settings, () => made), (error: Error) => {
      assert.ok(error instanceof ContractError, String(error));
      assert.equal(error.code, "invalid_request");
      assert.ok(error.message.startsWith(`Cannot read the request: "${field}" `), error.message);
      return true;
    });
  });
}

const url = "https://a.example/b";
const changed: [kind: ChannelKind, stored: Record<string, string>, given: unknown, settings: unknown][] = [
  ["webhook", { url, secret: made }, { url: "https://c.example/d" }, {
    url: "https://c.example/d",
    secret: made,
  }],
  ["ntfy", { url, token: "t" }, { url: "https://a.example/c" }, { url: "https://a.example/c", token: "t" }],
  ["ntfy", { url, token: "t" }, { url: "https://c.example/d", token: "u" }, {
    url: "https://c.example/d",
    token: "u",
  }],
  ["ntfy", { url, token: "t" }, { url: "https://c.example/d", token: null }, { url: "https://c.example/d" }],
  ["ntfy", { url, token: "t" }, { token: null }, { url }],
  ["ntfy", { url }, { url: "https://c.example/d" }, { url: "https://c.example/d" }],
  ["gotify", { url, token: "t" }, { token: "u" }, { url, token: "u" }],
  ["telegram", { token: "t", chat_id: "1" }, { chat_id: "2" }, { token: "t", chat_id: "2" }],
];

for (const [kind, stored, given, settings] of changed) {
  Deno.test(`${kind} that is changed by ${JSON.stringify(given)} keeps what is left out`, () => {
    assert.deepEqual(
      parseSettings(kind, given, () => assert.fail("no secret is to be made"), stored),
      settings,
    );
  });
}

const unchanged: [kind: ChannelKind, stored: Record<string, string>, given: unknown, field: string][] = [
  ["ntfy", { url, token: "t" }, { url: "https://c.example/b" }, "settings.token"],
  ["ntfy", { url, token: "t" }, { url: "http://a.example/b" }, "settings.token"],
  ["gotify", { url, token: "t" }, { url: "https://a.example:8443/b" }, "settings.token"],
  ["gotify", { url, token: "t" }, { token: null }, "settings.token"],
  ["slack", { url }, { to: "ops@example.com" }, "settings"],
  ["slack", { url }, {}, "settings"],
];

for (const [kind, stored, given, field] of unchanged) {
  Deno.test(`${kind} is not changed by ${JSON.stringify(given)}: no token goes to another host`, () => {
    assert.throws(() => parseSettings(kind, given, () => made, stored), (error: Error) => {
      assert.ok(error instanceof ContractError, String(error));
      assert.ok(error.message.startsWith(`Cannot read the request: "${field}" `), error.message);
      return true;
    });
  });
}
