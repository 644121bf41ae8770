import assert from "node:assert/strict";
import { focused, shows, startBrowser, tabTo, visit, withChromium } from "../../../_support/browser.ts";
import { copyId, hostile, startOneOfEach } from "../../../_support/page_fixture.ts";
import { agentSecret as secret, enrollmentCode as code } from "../../../_support/vectors.ts";

type Browser = Awaited<ReturnType<typeof startBrowser>>;

/** Everything by keyboard. */
const scenes: [string, (browser: Browser) => Promise<void>][] = [
  ["every act on an agent says what it will do, and does it", onAnAgent],
  ["a muted agent is unmuted, a revoked one restored", undone],
  ["an agent is muted until a time, and gets a new secret at once where it leaked", withFields],
  [
    "a name, labels, an interval and a deadline are edited: what was changed is sent, and nothing else",
    edited,
  ],
  ["an incident is acknowledged", acknowledged],
  ["a code is made and revoked", enrolled],
  ["a channel is added, tested, edited and removed", channels],
  ["a question that is left does nothing, and the focus is where it was", left],
];

withChromium.test("every act by keyboard in Chromium", async (_found, context) => {
  await using browser = await startBrowser();
  for (const [name, scene] of scenes) await context.step(name, () => scene(browser));
}, { sanitizeOps: false, sanitizeResources: false });

type Press = Parameters<Parameters<typeof visit>[3]>[0];

/** Opens the question about an agent and chooses the nth act. */
async function choose(page: Press, index: number, title: string, will: string): Promise<void> {
  await tabTo(page, "Act…");
  await page.keyboard.press("Enter");
  await page.locator("dialog[open] [type=radio]").first().waitFor();
  await tabTo(page, /^(Adopt|Mute|Unmute)/);
  for (let times = 0; times < index; times++) await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), title);
  await shows(page, "dialog .will", will);
}

async function confirm(page: Press, verb: string, done: string): Promise<void> {
  await tabTo(page, verb);
  await page.keyboard.press("Enter");
  await shows(page, "#said", done);
  await page.locator("dialog").waitFor({ state: "detached" });
}

async function onAnAgent(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  const acts: [title: string, will: string, verb: string, done: string, path: string, body: unknown][] = [
    [
      `Adopt the copy at 192.0.2.7, ${hostile}`,
      "A thief of the secret looks the same",
      "Adopt",
      "Adopted the copy of",
      "adopt",
      { instance_id: copyId },
    ],
    [
      `Shut out the copy at 192.0.2.7, ${hostile}`,
      "until it has, a copy that restarts gets in again",
      "Shut out",
      "Shut out the copy of",
      "revoke-copy",
      { instance_id: copyId },
    ],
    ["Mute until …", "opens no incident until then", "Mute", "Muted", "", null],
    ["End its sessions", "Its next beat is refused", "End its sessions", "Ended", "end-sessions", {}],
    [
      "Have it rotate its secret",
      "Nobody is shown it",
      "Have it rotate its secret",
      "Asked for a rotation of",
      "request-rotation",
      {},
    ],
    ["Revoke", "It can be restored", "Revoke", "Revoked", "revoke", {}],
  ];
  await visit(browser, server, { path: `#/agents/${server.agent.id}` }, async (page) => {
    for (const [index, [title, will, verb, done, path, body]] of acts.entries()) {
      await choose(page, index, title, will);
      await confirm(page, verb, `${done} ${hostile}`.replace("Ended", "Ended the sessions of"));
      const acted = server.acted.at(-1);
      assert.equal(acted?.path, `agents/${server.agent.id}${path === "" ? "" : `/${path}`}`);
      if (body !== null) assert.deepEqual(acted?.body, body);
    }
  });
  assert.equal(server.acted.length, acts.length);
  assert.ok(server.acted.every(({ token }) => token === "token-of-this-page"));
}

async function undone(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  const id = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`;
  await visit(browser, server, { path: `#/agents/${id(2)}` }, async (page) => {
    await shows(page, "h1", "muted");
    await choose(page, 0, "Unmute", "It opens incidents again");
    await confirm(page, "Unmute", "Unmuted muted");
    await page.evaluate(`location.hash = "#/agents/${id(3)}"`);
    await shows(page, "h1", "revoked");
    await choose(page, 1, "Restore", "It asks again by itself within 72 minutes");
    await confirm(page, "Restore", "Restored revoked");
  });
  assert.deepEqual(server.acted.map(({ method, path, body }) => [method, path, body]), [
    ["PATCH", `agents/${id(2)}`, { muted_until: null }],
    ["POST", `agents/${id(3)}/restore`, {}],
  ]);
}

async function withFields(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: `#/agents/${server.agent.id}` }, async (page) => {
    await choose(page, 2, "Mute until …", "opens no incident");
    await tabTo(page, /^For/);
    await page.keyboard.type("until");
    await page.getByRole("textbox", { name: "Until" }).fill("2026-11-24T08:00");
    await confirm(page, "Mute", "Muted");
    await choose(page, 6, "Make a new secret", "is shown once, here");
    await tabTo(page, /^The one before stays good for/);
    await page.keyboard.type("no time");
    await shows(page, "dialog .will", "The one before and all sessions end at once.");
    await tabTo(page, "Make a new secret");
    await page.keyboard.press("Enter");
    await shows(page, "dialog code", secret);
    await shows(page, "dialog", "The agent is out until its host has this secret.");
    await shows(
      page,
      "dialog code",
      `openclaw-agent configure --url http://127.0.0.1:54321 --agent-id ${server.agent.id}`,
    );
    await tabTo(page, "Close");
    await page.keyboard.press("Enter");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await page.getByText(secret).count(), 0);
    await choose(page, 7, "Delete", "Its events stay");
    assert.ok(await page.getByRole("button", { name: "Delete", exact: true }).isDisabled());
    await tabTo(page, /^Type its name/);
    await page.keyboard.insertText(hostile);
    await tabTo(page, "Delete");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/$/);
  });
  const path = `agents/${server.agent.id}`;
  assert.deepEqual(server.acted.map(({ method, path, body }) => [method, path, body]), [
    ["PATCH", path, { muted_until: "2026-11-24T08:00:00.000Z" }],
    ["POST", `${path}/rotate-secret`, { overlap_seconds: 0 }],
    ["DELETE", path, null],
  ]);
}

async function edited(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: `#/agents/${server.agent.id}` }, async (page) => {
    await tabTo(page, "Edit…");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    // Nothing was changed: nothing is sent.
    await tabTo(page, "Save");
    await page.keyboard.press("Enter");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.deepEqual(server.acted, []);
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await tabTo(page, /^Labels/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText("site: a, b:c\n\ngpu");
    await tabTo(page, /^Its work may stand still/);
    await page.keyboard.type("120");
    await confirm(page, "Save", "Edited");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await tabTo(page, /^Name/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText("b");
    await tabTo(page, /^Beats every/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("30");
    await tabTo(page, /^Its work may stand still/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("Delete");
    await confirm(page, "Save", "Edited b");
    await shows(page, "h1", /^b$/);
  });
  assert.deepEqual(server.acted.map(({ body }) => body), [
    { labels: { site: "a, b:c", gpu: "" }, progress_deadline_seconds: 120 },
    { name: "b", heartbeat_interval_seconds: 30, progress_deadline_seconds: null },
  ]);
}

async function acknowledged(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: "#/incidents" }, async (page) => {
    await page.locator(".whole").waitFor();
    await tabTo(page, "Acknowledge…");
    await page.keyboard.press("Enter");
    await shows(page, "dialog .will", "Its reminders end. It stays open until its agents have recovered.");
    await confirm(page, "Acknowledge", "Acknowledged The copy incident");
  });
  assert.deepEqual(server.acted.map(({ path }) => path), ["incidents/i1/acknowledge"]);
}

async function enrolled(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: "#/enrollment" }, async (page) => {
    await tabTo(page, /^Hosts/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("2");
    await tabTo(page, /^Labels/);
    await page.keyboard.type("site:Linz:1, gpu");
    await tabTo(page, "Make a code");
    await page.keyboard.press("Enter");
    await shows(page, "code", `OPENCLAW_ENROLLMENT_CODE=${code} sh`);
    assert.equal(await page.locator(".line").count(), 3);
    // The form was drawn again meanwhile, as it is whenever something new is read.
    assert.equal(await page.locator("[name=uses]").inputValue(), "2");
    await shows(page, ".whole li", `failed at download ${hostile}`);
    await tabTo(page, "Revoke…");
    await page.keyboard.press("Enter");
    await shows(page, "dialog .will", "It makes no agent from then on. The agents that it made stay.");
    await confirm(page, "Revoke", "Revoked the code");
  });
  assert.deepEqual(server.acted.map(({ path, body }) => [path, body]), [
    ["enrollments", { uses: 2, expires_in: 3600, labels: { site: "Linz:1", gpu: "" } }],
    ["enrollments/e1/revoke", {}],
  ]);
}

async function channels(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: "#/channels" }, async (page) => {
    const open = async (name: string): Promise<void> => {
      await tabTo(page, name);
      await page.keyboard.press("Enter");
      await page.locator("dialog[open]").waitFor();
    };
    await page.locator(".whole").waitFor();
    await open("Add a channel…");
    await tabTo(page, /^Name/);
    await page.keyboard.type("hook");
    await tabTo(page, /^Address/);
    await page.keyboard.type("https://hooks.example/x");
    await confirm(page, "Add", "Added hook");
    await shows(page, "[role=status] code", "whsec_x");
    await tabTo(page, `Test ${hostile}`);
    await page.keyboard.press("Enter");
    await shows(page, "[role=status]", `Not taken: ${hostile}`);
    await open(`Edit ${hostile}`);
    await tabTo(page, /^Told of an incident/);
    await page.keyboard.type("at once");
    await tabTo(page, "offline");
    await page.keyboard.press("Space");
    await tabTo(page, /^Switched on/);
    await page.keyboard.press("Space");
    await confirm(page, "Save", "Edited");
    await open(`Edit ${hostile}`);
    await tabTo(page, /^Token/);
    await page.keyboard.type("t");
    await confirm(page, "Save", "Edited");
    await open(`Remove ${hostile}`);
    await shows(page, "dialog .will", "It is told nothing more, of what has happened neither.");
    await confirm(page, "Remove", "Removed");
  });
  const all = ["offline", "stalled", "unhealthy", "copy", "server"];
  const made = {
    kind: "webhook",
    name: "hook",
    settings: { url: "https://hooks.example/x" },
    labels: {},
    kinds: all,
    after_seconds: 0,
    remind_after_seconds: null,
    enabled: true,
  };
  assert.deepEqual(server.acted.map(({ method, path, body }) => [method, path, body]), [
    ["POST", "channels", made],
    ["POST", "channels/c1/test", {}],
    ["PATCH", "channels/c1", { kinds: ["copy"], after_seconds: 0, enabled: false }],
    ["PATCH", "channels/c1", { settings: { token: "t", chat_id: "7" } }],
    ["DELETE", "channels/c1", null],
  ]);
}

async function left(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  const places: [path: string, opener: string][] = [
    [`#/agents/${server.agent.id}`, "Act…"],
    [`#/agents/${server.agent.id}`, "Edit…"],
    ["#/incidents", "Acknowledge…"],
    ["#/enrollment", "Revoke…"],
    ["#/channels", `Edit ${hostile}`],
    ["#/channels", `Remove ${hostile}`],
  ];
  await visit(browser, server, {}, async (page) => {
    for (const [path, opener] of places) {
      await page.evaluate(`location.hash = ${JSON.stringify(path)}`);
      await page.getByRole("button", { name: opener }).waitFor();
      await tabTo(page, opener);
      await page.keyboard.press("Enter");
      await page.locator("dialog[open]").waitFor();
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      assert.equal(await focused(page), opener);
    }
  });
  assert.deepEqual(server.acted, []);
}
