import assert from "node:assert/strict";
import { type Page, shows, startBrowser, visit, withChromium } from "../../../_support/browser.ts";
import { type FakeAgent, fakeAgent, offlineAgent } from "../../../_support/fake_fleet.ts";
import { sickFleet, startFakePage } from "../../../_support/fake_page.ts";

type Browser = Awaited<ReturnType<typeof startBrowser>>;

const incident = {
  id: "00000000-0000-4000-8000-0000000000aa",
  kind: "offline",
  opened_at: "2026-11-23T10:03:15.000Z",
  closed_at: null,
  agents_count: 2,
  agents: [],
  labels: { site: "Linz" },
  reason: null,
  changes_count: 0,
  acknowledged_at: null,
  acknowledged_by: null,
  deliveries: [{
    id: "d",
    channel_name: "pager",
    type: "incident.opened",
    state: "pending",
    attempts: 3,
    last_answer: "503 away",
    created_at: "2026-11-23T10:04:00.000Z",
    delivered_at: null,
  }],
};
const hostile = [
  "<img src=x onerror=alert(1)>",
  '"><script>alert(1)</script>',
  "\u202egpj.exe \u2066x",
  "😀".repeat(100),
  "</script><!--",
  "javascript:alert(1)",
];

/** Everything that is told of the first screen, in one browser. */
const scenes: [string, (browser: Browser) => Promise<void>][] = [
  ["the first screen is there before any script", beforeScripts],
  ["what changes is said in the sentence, the title, the icon and the trouble", followsChanges],
  ["a quiet page when all is well", quiet],
  ["hostile names are text wherever they stand", hostileNames],
  ["the map is moved over by keys, and Enter opens an agent", mapByKeys],
  ["an act says what it will do, by keyboard, and does nothing when it is left", actsByKeyboard],
  ["what the server refuses is said, and the question stays", refusedAct],
  ["a reader sees no button that acts", reader],
  ["search and filters stand in the address, and are read from it", filters],
  ["at most 60 rows stand in the document, and the last of 3,000 can be reached", manyRows],
  ["trouble is never capped", muchTrouble],
  ["when the server is gone the page greys and says since when, and recovers", serverGone],
  ["the clock of the browser may be wrong by a day", wrongClock],
  ["a session that ended is said", sessionEnded],
  ["after a log out the page asks for nothing more, however late its reply is", loggedOut],
];

withChromium.test("the overview in Chromium", async (_found, context) => {
  await using browser = await startBrowser();
  for (const [name, scene] of scenes) {
    await context.step(name, () => scene(browser));
  }
}, { sanitizeOps: false, sanitizeResources: false });

async function beforeScripts(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: sickFleet(200), incidents: [incident] });
  await visit(browser, server, { javaScriptEnabled: false }, async (page) => {
    await shows(page, "h1", "3 offline, 1 stalled, 1 unhealthy, 2 late, 1 copy of 200.");
    assert.equal(await page.locator(".trouble .body .row").count(), 8);
    await shows(page, ".incidents", "pager is being told, 3 tries: 503 away");
    assert.ok(await page.locator(".list .body .row").count() >= 10);
  });
}

async function followsChanges(browser: Browser): Promise<void> {
  const agents = [1, 2, 3].map((number) => fakeAgent(number));
  await using server = startFakePage({ agents });
  await visit(browser, server, {}, async (page) => {
    await shows(page, "h1", "All 3 are online.");
    const well = await iconOf(page);
    await isLive(page);
    const gone = agents[1];
    assert.ok(gone !== undefined);
    server.change(gone.id, offlineAgent(2));
    await shows(page, "h1", "1 offline of 3.");
    await shows(page, ".trouble .row", /web-2.*offline silent for 2 h.*2 h ago/);
    assert.equal(await page.title(), "✗ 1 offline of 3.");
    assert.notEqual(await iconOf(page), well);
    await shows(page, ".list .row", /web-2.*offline/);
    server.change(gone.id, fakeAgent(2));
    await shows(page, "h1", "All 3 are online.");
    await page.locator(".trouble").waitFor({ state: "detached" });
    assert.equal(await iconOf(page), well);
  });
}

async function quiet(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [fakeAgent(1), fakeAgent(2)] });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    assert.equal(await page.title(), "✓ All 2 are online.");
    assert.equal(await page.locator(".trouble, .incidents, [role=alert]").count(), 0);
  });
}

async function hostileNames(browser: Browser): Promise<void> {
  const agents = hostile.map((name, number) =>
    offlineAgent(number, {
      name,
      hostname: name,
      version: name,
      message: name,
      status: "unhealthy",
      labels: { site: name },
    })
  );
  const deliveries = [{ ...incident.deliveries[0], channel_name: hostile[0], last_answer: hostile[1] }];
  const named = {
    ...incident,
    agents_count: 1,
    agents: [{ id: "x", name: hostile[0] }],
    labels: { site: hostile[1] },
    reason: hostile[4],
    deliveries,
  };
  await using server = startFakePage({ agents, incidents: [named] });
  await visit(browser, server, { path: "?group=site" }, async (page) => {
    await isLive(page);
    for (const name of hostile) await shows(page, ".trouble .row", name);
    assert.deepEqual(
      await page.evaluate("[...document.querySelectorAll('img, script:not([src]):not([type])')].length"),
      0,
    );
    await page.locator(".trouble button").first().click();
    await shows(page, "dialog h2", hostile[0] ?? "");
  });
}

async function mapByKeys(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [1, 2, 3].map((number) => fakeAgent(number)) });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    await page.locator("canvas").focus();
    await shows(page, ".cell", /online web-1/);
    await page.keyboard.press("ArrowRight");
    await shows(page, ".cell", /online web-2/);
    await page.keyboard.press("End");
    await shows(page, ".cell", /online web-3/);
    await page.keyboard.type("web-2");
    await shows(page, ".cell", /online web-2/);
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/agents\/00000000-0000-4000-8000-000000000002$/);
  });
}

async function actsByKeyboard(browser: Browser): Promise<void> {
  const agent = offlineAgent(1);
  await using server = startFakePage({ agents: [agent], incidents: [incident] });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    await page.getByRole("button", { name: "Mute… web-1" }).focus();
    await page.keyboard.press("Enter");
    await shows(page, "dialog", "It is watched as before, and opens no incident until then.");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.deepEqual(server.acted, []);
    await page.keyboard.press("Enter");
    await page.getByRole("combobox", { name: "For" }).selectOption("4 hours");
    await page.getByRole("button", { name: "Mute", exact: true }).focus();
    await page.keyboard.press("Enter");
    await shows(page, ".trouble .row", /muted until 16:00/);
    await page.getByRole("button", { name: "Acknowledge…" }).press("Enter");
    await shows(page, "dialog", "Its reminders end.");
    await page.getByRole("button", { name: "Acknowledge", exact: true }).press("Enter");
    await page.locator("dialog").waitFor({ state: "detached" });
    const token = "token-of-this-page";
    const [until] = server.acted.map(({ body }) => body);
    assert.deepEqual(server.acted, [
      { method: "PATCH", path: `agents/${agent.id}`, body: until, token },
      { method: "POST", path: `incidents/${incident.id}/acknowledge`, body: {}, token },
    ]);
    assert.match(JSON.stringify(until), /^\{"muted_until":"2026-11-23T16:00:\d\d\.\d{3}Z"\}$/);
  });
}

async function refusedAct(browser: Browser): Promise<void> {
  const refuses = () =>
    Response.json({ error: "conflict", error_description: "Cannot revoke the agent: <b>no</b>" }, {
      status: 409,
    });
  const agent = offlineAgent(1);
  await using server = startFakePage({ agents: [agent], api: { [`agents/${agent.id}/revoke`]: refuses } });
  await visit(browser, server, { allowed: /status of 409/ }, async (page) => {
    await page.locator(".trouble button").click();
    await page.getByRole("radio", { name: "Revoke" }).check();
    await shows(page, "dialog", "its handshakes are refused. It can be restored.");
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await shows(page, "dialog [role=alert]", "Cannot revoke the agent: <b>no</b>");
  });
}

async function reader(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: sickFleet(60), incidents: [incident], role: "reader" });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    await shows(page, "header", "reader");
    const buttons = await page.getByRole("button").allTextContents();
    assert.deepEqual(buttons.filter((text) => text.includes("…")), []);
  });
}

async function filters(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: sickFleet(100) });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    await page.getByRole("button", { name: /^late/ }).click();
    await page.getByRole("searchbox").fill("lin");
    await page.getByRole("combobox", { name: "Group by" }).selectOption("site");
    await page.waitForURL(/\?q=lin&liveness=late&group=site$/);
  });
  const all = sickFleet(100);
  const late = all.filter(({ liveness }) => liveness === "late");
  await visit(browser, server, { path: "?liveness=late&group=role" }, async (page) => {
    await isLive(page);
    await shows(page, ".list h2", `Agents ${late.length}`);
    assert.equal(await page.locator(".list .body .row").count(), late.length);
    assert.equal(await page.getByRole("button", { name: /^late/ }).getAttribute("aria-pressed"), "true");
    assert.equal(await page.getByRole("combobox", { name: "Group by" }).inputValue(), "role");
  });
}

async function manyRows(browser: Browser): Promise<void> {
  const agents = Array.from(
    { length: 3000 },
    (_, index) => fakeAgent(index, { name: `n-${10_000 + index}` }),
  );
  await using server = startFakePage({ agents });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    await shows(page, ".list .row", "n-10000");
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await shows(page, ".list .row", "n-12999");
    assert.ok(await page.locator(".row").count() <= 60);
    await page.evaluate("scrollTo(0, document.body.scrollHeight / 2)");
    await shows(page, ".list .row", /n-114\d\d/);
    assert.ok(await page.locator(".row").count() <= 60);
  });
}

async function muchTrouble(browser: Browser): Promise<void> {
  const agents: FakeAgent[] = Array.from(
    { length: 400 },
    (_, index) => offlineAgent(index, { name: `n-${1000 + index}` }),
  );
  await using server = startFakePage({ agents });
  await visit(browser, server, {}, async (page) => {
    await isLive(page);
    const last = page.locator(".trouble .row").filter({ hasText: "n-1399" });
    while (await last.count() === 0) {
      await page.locator(".trouble .rows").evaluate((
        box: { scrollHeight: number; scrollTo: (x: number, y: number) => void },
      ) => box.scrollTo(0, box.scrollHeight));
    }
    await shows(page, ".trouble .row", "n-1399");
    assert.ok(await page.locator(".row").count() <= 60);
  });
}

async function serverGone(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [fakeAgent(1)] });
  const options = { clock: "2026-11-23T12:00:00Z", allowed: /status of 503|ERR_/ };
  await visit(browser, server, options, async (page) => {
    await isLive(page);
    server.silence(true);
    await page.clock.runFor(9000);
    assert.equal(await page.locator("[role=alert]").count(), 0);
    await page.clock.runFor(2000);
    await shows(
      page,
      "[role=alert]",
      /^Not up to date since 12:00, 1\d s ago: the server does not answer\.$/,
    );
    assert.equal(await page.evaluate("document.documentElement.dataset.mood"), "stale");
    // What is not up to date is grey, and what says so is not.
    for (const [part, opacity] of [["#fleet", "0.5"], [".headline", "1"]]) {
      assert.equal(
        await page.evaluate(`getComputedStyle(document.querySelector("${part}")).opacity`),
        opacity,
      );
    }
    assert.match(await page.title(), /^\? Not up to date: /);
    server.silence(false);
    server.pass(20);
    await page.clock.runFor(5000);
    await page.locator("[role=alert]").waitFor({ state: "detached" });
    assert.equal(await page.evaluate("document.documentElement.dataset.mood"), "well");
  });
}

async function wrongClock(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [offlineAgent(1)] });
  for (const clock of ["2026-11-22T12:00:00Z", "2026-11-24T12:00:00Z"]) {
    await visit(browser, server, { clock }, async (page) => {
      await isLive(page);
      await shows(page, ".trouble .row", /silent for 2 h.*10:03.*2 h ago/);
      await shows(page, ".age", "Updated just now");
    });
  }
}

async function sessionEnded(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [fakeAgent(1)] });
  const options = { clock: "2026-11-23T12:00:00Z", allowed: /status of 401|ERR_/ };
  await visit(browser, server, options, async (page) => {
    await isLive(page);
    server.endSession();
    await page.clock.runFor(6000);
    await shows(page, "[role=alert]", "Your session has ended.");
    assert.equal(await page.evaluate("document.documentElement.dataset.mood"), "stale");
    await page.getByRole("link", { name: "Log in again" }).click();
    await shows(page, "label", "An operator's or a reader's key");
  });
}

/** The server ends the session and its stream before the browser has the reply; here that never comes. */
async function loggedOut(browser: Browser): Promise<void> {
  await using server = startFakePage({ agents: [fakeAgent(1)] });
  await visit(browser, server, { clock: "2026-11-23T12:00:00Z" }, async (page) => {
    await isLive(page);
    await page.evaluate(`document.addEventListener("submit", (event) => event.preventDefault())`);
    await page.getByRole("button", { name: "Log out" }).click();
    const before = server.asked.length;
    server.endSession();
    await page.clock.runFor(9000);
    assert.equal(await page.locator("[role=alert]").count(), 0);
    assert.deepEqual(server.asked.slice(before), []);
  });
}

/** The map has come by the stream. */
async function isLive(page: Page): Promise<void> {
  await page.locator("canvas[style*=height]").waitFor();
}

async function iconOf(page: Page): Promise<string | null> {
  return await page.locator("link[rel=icon]").getAttribute("href");
}
