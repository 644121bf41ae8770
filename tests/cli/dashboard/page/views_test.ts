import assert from "node:assert/strict";
import { type Page, shows, startBrowser, visit, withChromium } from "../../../_support/browser.ts";
import { hostile, startOneOfEach } from "../../../_support/page_fixture.ts";
import { until } from "../../../_support/wait.ts";

type Browser = Awaited<ReturnType<typeof startBrowser>>;

const scenes: [string, (browser: Browser) => Promise<void>][] = [
  ["an agent: its numbers, beats, silences with their reasons, plots, copies, events", anAgent],
  ["incidents say who was told, and what the receiver said", incidents],
  ["channels say of what they are told, and what they were told last", channels],
  ["a reader sees none of these acts", reader],
];

withChromium.test("the other views in Chromium", async (_found, context) => {
  await using browser = await startBrowser();
  for (const [name, scene] of scenes) await context.step(name, () => scene(browser));
}, { sanitizeOps: false, sanitizeResources: false });

async function anAgent(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: `#/agents/${server.agent.id}` }, async (page) => {
    await shows(page, "h1", hostile);
    await page.getByRole("img", { name: /1425 beats and 1 silences/ }).waitFor();
    await shows(page, ".history h2", "98.9 % of those expected");
    await shows(page, ".tiles", /cpu12\.3 %.*disk97 %.*uptime25 h/);
    await shows(page, ".history li", "silent for 15 min, it beat, and nothing arrived");
    assert.ok(!(await loaded(page)).some((name) => name.startsWith("_plot")));
    await page.locator("summary").click();
    await page.locator(".uplot canvas").waitFor();
    await shows(page, "section", /Copies.*192\.0\.2\.7/);
    await shows(page, "section", /Events.*copy seen/);
    await page.getByRole("button", { name: "month" }).click();
    await asked(page, "step=3600");
    await page.getByRole("link", { name: "← Fleet" }).click();
    await page.locator("canvas[style*=height]").waitFor();
  });
}

async function incidents(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: "#/incidents" }, async (page) => {
    await shows(page, ".whole", "copy");
    await shows(page, ".whole li", `${hostile} could not be told, 2 tries: ${hostile}`);
  });
}

async function channels(browser: Browser): Promise<void> {
  await using server = startOneOfEach();
  await visit(browser, server, { path: "#/channels" }, async (page) => {
    await shows(page, ".whole", `${hostile}telegram7`);
    await shows(page, ".whole", `offline, copy · only site: ${hostile} · after 90 s`);
    await shows(page, ".whole li", `copy opened could not be told, 2 tries: ${hostile}`);
  });
}

async function reader(browser: Browser): Promise<void> {
  await using server = startOneOfEach({ role: "reader" });
  for (const path of [`#/agents/${server.agent.id}`, "#/incidents", "#/enrollment", "#/channels"]) {
    await visit(browser, server, { path }, async (page) => {
      await shows(page, "article", /./);
      const buttons = await page.getByRole("button").allTextContents();
      const harmless = ["Log out", "hour", "day", "month", "all", "open", "closed"];
      assert.deepEqual(buttons.filter((text) => !harmless.includes(text)), []);
    });
  }
  assert.deepEqual(server.acted, []);
}

/** Waits until the page has asked for an address with this part. Not by `waitForFunction`, which the page's policy forbids. */
async function asked(page: Page, part: string): Promise<void> {
  const script = "performance.getEntriesByType('resource').map(({ name }) => name)";
  await until(
    `a request with ${part}`,
    async () => (await page.evaluate<string[]>(script)).some((url) => url.includes(part)),
  );
}

async function loaded(page: { evaluate: <T>(script: string) => Promise<T> }): Promise<string[]> {
  const urls = await page.evaluate<string[]>(
    "performance.getEntriesByType('resource').map(({ name }) => name)",
  );
  return urls.map((url) => url.replace(/.*\//, ""));
}
