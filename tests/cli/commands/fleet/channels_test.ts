import assert from "node:assert/strict";
import { join } from "node:path";
import { channelSettings } from "../../../../cli/fleet/channel_kinds.ts";
import { channelKinds, httpKinds } from "../../../../supabase/functions/_shared/channels/kinds.ts";
import {
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "../../../_support/fault_server.ts";
import { hasKey, operatorKey, serverTime } from "../../../_support/fake_fleet.ts";
import { type Run, run } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";

const id = "00000000-0000-4000-8000-000000000001";
const secretUrl = "https://hooks.slack.com/services/very-secret";

function channelOf(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    owner_id: null,
    name,
    kind: "slack",
    settings: { url: "https://hooks.slack.com" },
    labels: {},
    kinds: ["offline", "stalled", "unhealthy", "copy", "server"],
    after_seconds: 0,
    remind_after_seconds: null,
    enabled: true,
    created_at: serverTime,
    ...changes,
  };
}

/** Channels of these names; a test is answered with `tested`. */
function startServer(
  channels: readonly Record<string, unknown>[],
  { tested = { delivered: true, answer: "200 ok" }, signingSecret = null as string | null } = {},
): FaultServer {
  return startFaultServer(({ method, path, headers, body }): Fault => {
    if (!hasKey({ headers })) return refuses("operator_required");
    if (path.endsWith("/test")) return ours(tested);
    if (method === "POST") {
      const channel = channelOf(JSON.parse(body).name);
      return ours({ channel, ...(signingSecret === null ? {} : { signing_secret: signingSecret }) }, 201);
    }
    if (method !== "GET") return ours(channels[0] ?? channelOf("none"));
    return ours({ channels, next_cursor: null, server_time: serverTime });
  });
}

async function channels(
  url: string,
  args: readonly string[],
  { settings, stdin }: { settings?: string; stdin?: string } = {},
): Promise<Run> {
  await using home = await temporaryFolder();
  const file = join(home.path, "settings");
  if (settings !== undefined) await Deno.writeTextFile(file, settings, { mode: 0o600 });
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey };
  const given = settings === undefined ? [] : ["--settings-file", file];
  return await run(["channels", ...args, ...given], {
    home: home.path,
    env,
    ...(stdin === undefined ? {} : { stdin }),
  });
}

function sentTo({ caught }: FaultServer): { method: string; path: string; body: unknown }[] {
  return caught.filter(({ method }) => method !== "GET").map(({ method, path, body }) => ({
    method,
    path: path.replace("/functions/v1", ""),
    body: body === "" ? null : JSON.parse(body),
  }));
}

Deno.test("the program knows every kind of channel, and its settings, as the service does", () => {
  assert.deepEqual(Object.keys(channelSettings), channelKinds);
  const { email, ...rest } = channelSettings;
  assert.deepEqual(email.map(({ name }) => name), ["to"]);
  for (const [kind, settings] of Object.entries(rest)) {
    const { settings: known } = httpKinds[kind as keyof typeof httpKinds];
    assert.deepEqual(settings.map(({ name }) => name), Object.keys(known), kind);
  }
});

for (
  const [what, settings] of [
    ["a JSON object", JSON.stringify({ url: secretUrl })],
    ["the address by itself", `${secretUrl}\n`],
    ["a JSON object behind a byte order mark", `\uFEFF{"url": "${secretUrl}"}`],
  ] as const
) {
  Deno.test(`openclaw channels add takes its settings from a file: ${what}`, async () => {
    using server = startServer([]);
    const rules = [
      "--label",
      "site:berlin",
      "--kinds",
      "offline,stalled",
      "--after",
      "5m",
      "--remind-after",
      "4h",
    ];
    const { code, stdout, stderr } = await channels(server.url, ["add", "ops", "--kind", "slack", ...rules], {
      settings,
    });
    assert.deepEqual([code, stdout], [0, ""], stderr);
    assert.match(
      stderr,
      /^made the channel "ops" \(0{8}-[^)]+\)\nsee whether it arrives: [^\n]*openclaw(-server)? channels test 0{8}-/,
    );
    assert.deepEqual(sentTo(server), [{
      method: "POST",
      path: "/channels",
      body: {
        name: "ops",
        kind: "slack",
        settings: { url: secretUrl },
        labels: { site: "berlin" },
        kinds: ["offline", "stalled"],
        after_seconds: 300,
        remind_after_seconds: 14_400,
      },
    }]);
  });
}

Deno.test("openclaw channels add reads its settings from stdin, and what is open from flags", async () => {
  using server = startServer([]);
  const args = ["add", "ops", "--kind", "telegram", "--chat-id", "-100123", "--settings-file", "-"];
  const { code, stderr } = await channels(server.url, args, { stdin: "a-token" });
  assert.equal(code, 0, stderr);
  assert.deepEqual(sentTo(server)[0]?.body, {
    name: "ops",
    kind: "telegram",
    settings: { token: "a-token", chat_id: "-100123" },
  });
});

Deno.test("openclaw channels add prints a webhook's secret alone on stdout, once", async () => {
  const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  using server = startServer([], { signingSecret: secret });
  const args = ["add", "ops", "--kind", "webhook"];
  const { code, stdout, stderr } = await channels(server.url, args, { settings: "https://a.example/x" });
  assert.deepEqual([code, stdout], [0, `${secret}\n`], stderr);
});

const refusals: [what: string, args: string[], settings: string | undefined, message: RegExp][] = [
  ["no kind", ["add", "ops"], undefined, /--kind, the service that it reaches, is missing/],
  ["an unknown kind", ["add", "ops", "--kind", "pigeon"], undefined, /Allowed choices are webhook, slack/],
  ["no settings, and nobody to ask", ["add", "ops", "--kind", "slack"], undefined, /slack needs url/],
  [
    "settings that are no JSON",
    ["add", "ops", "--kind", "slack"],
    `{"url": "${secretUrl}`,
    /not a JSON object/,
  ],
  [
    "a setting of another kind",
    ["add", "ops", "--kind", "slack"],
    '{"token": "x"}',
    /slack takes "url" as text/,
  ],
  ["a setting that is no text", ["add", "ops", "--kind", "slack"], '{"url": 5}', /slack takes "url" as text/],
  ["an empty file", ["add", "ops", "--kind", "slack"], "", /slack needs url/],
  ["an empty name", ["add", "", "--kind", "slack"], secretUrl, /Cannot call a channel so/],
  [
    "an unknown kind of incident",
    ["add", "x", "--kind", "slack", "--kinds", "late"],
    secretUrl,
    /Expected one or more/,
  ],
  [
    "a reminder after a minute",
    ["add", "x", "--kind", "slack", "--remind-after", "1m"],
    secretUrl,
    /Expected 5m to 7d/,
  ],
];

for (const [what, args, settings, message] of refusals) {
  Deno.test(`openclaw channels add with ${what} → usage, and the server is not asked`, async () => {
    using server = startServer([]);
    const result = await channels(server.url, args, settings === undefined ? {} : { settings });
    assertRefused(result, 2, message);
    assert.ok(!result.stderr.includes("very-secret"), result.stderr);
    assert.equal(server.caught.length, 0);
  });
}

Deno.test("openclaw channels list shows who is told of what, as text and nothing more", async () => {
  const hostile = channelOf("\u001b[31m<b>\u202e", { enabled: false, kinds: ["copy"], labels: { a: "b" } });
  using server = startServer([
    channelOf("ops", { after_seconds: 300, remind_after_seconds: 14_400 }),
    hostile,
  ]);
  const { code, stdout } = await channels(server.url, ["list"]);
  assert.equal(code, 0);
  assert.match(stdout, /^ops +slack +https:\/\/hooks\.slack\.com +all after 5m again every 4h +0{8}-/m);
  assert.match(stdout, /^\?\[31m<b>\? +slack +disabled +https:\/\/hooks\.slack\.com +copy a:b +0{8}-/m);
  const { channels: listed } = JSON.parse((await channels(server.url, ["list", "--json"])).stdout);
  assert.equal(listed.length, 2);
});

Deno.test("openclaw channels list without a channel says that nobody is told", async () => {
  using server = startServer([]);
  const { code, stderr } = await channels(server.url, ["list"]);
  assert.deepEqual([code, stderr], [0, "there is no channel: nobody is told of incidents\n"]);
});

Deno.test("openclaw channels edit changes what is named", async () => {
  using server = startServer([channelOf("ops")]);
  const args = ["edit", "ops", "--rename", "on call", "--remind-after", "none", "--disable"];
  const { code, stderr } = await channels(server.url, args, { settings: secretUrl });
  assert.equal(code, 0, stderr);
  assert.deepEqual(sentTo(server), [{
    method: "PATCH",
    path: `/channels/${id}`,
    body: { name: "on call", remind_after_seconds: null, enabled: false, settings: { url: secretUrl } },
  }]);
});

Deno.test("openclaw channels edit with nothing to change → usage", async () => {
  using server = startServer([channelOf("ops")]);
  assertRefused(await channels(server.url, ["edit", "ops"]), 2, /nothing to change is named/);
  assert.deepEqual(sentTo(server), []);
});

Deno.test("openclaw channels test shows what the receiver said, and fails where it did not take it", async () => {
  using sound = startServer([channelOf("ops")]);
  const { code, stdout } = await channels(sound.url, ["test", "ops"]);
  assert.deepEqual([code, stdout], [0, 'the channel "ops" took it: 200 ok\n']);
  using refusing = startServer([channelOf("ops")], {
    tested: { delivered: false, answer: "404 no_service" },
  });
  const failed = await channels(refusing.url, ["test", id.toUpperCase()]);
  assertRefused(failed, 6, /Cannot deliver to the channel "ops": 404 no_service/);
});

Deno.test("openclaw channels remove asks first, and takes --yes", async () => {
  using server = startServer([channelOf("ops")]);
  assertRefused(await channels(server.url, ["remove", "ops"]), 2, /nobody can be asked/);
  assert.deepEqual(sentTo(server), []);
  const { code, stderr } = await channels(server.url, ["remove", "ops", "--yes"]);
  assert.deepEqual([code, stderr], [0, `deleted the channel "ops" (${id})\n`]);
  assert.deepEqual(sentTo(server), [{ method: "DELETE", path: `/channels/${id}`, body: null }]);
});

Deno.test("openclaw channels of no channel, or of a name that two have → 4 or 5, and nothing is changed", async () => {
  using server = startServer([channelOf("ops"), channelOf("ops")]);
  assertRefused(await channels(server.url, ["remove", "other", "--yes"]), 4, /none has this name or id/);
  assertRefused(await channels(server.url, ["test", "ops"]), 5, /2 have this name/);
  assert.deepEqual(sentTo(server), []);
});
