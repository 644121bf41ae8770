import assert from "node:assert/strict";
import type { BrowserContextOptions } from "playwright-core";
import {
  type Page,
  picture,
  shows,
  startBrowser,
  violationsOf,
  visit,
  withChromium,
} from "../../../_support/browser.ts";
import { hostile, startOneOfEach } from "../../../_support/page_fixture.ts";

/** What the page is looked at with. What is twice as large on a screen of 1280 by 900 has half of it. */
const looks: [string, BrowserContextOptions][] = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["forced colors", { forcedColors: "active" }],
  ["320 px", { viewport: { width: 320, height: 640 } }],
  ["200 %", { viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 }],
];
/** Names that are as long as one may be, without a place to break, and that a page might act on. */
const names: [string, string][] = [["hostile", hostile], ["long", "😀".repeat(100)]];

withChromium.test(
  "every view in every look: axe-core has nothing against it, nothing is too wide, names are text",
  async (_found, context) => {
    await using browser = await startBrowser();
    for (const [look, options] of looks) {
      const [of, name] = names[look === "320 px" || look === "200 %" ? 1 : 0] ?? ["", ""];
      await context.step(`${look}, ${of} names`, async () => {
        await using server = startOneOfEach({ name });
        await visit(browser, server, { ...options, path: "?group=site" }, async (page) => {
          await page.locator("canvas[style*=height]").waitFor();
          await assertSound(page, look, "overview", name);
          await page.locator(".trouble button").first().click();
          await page.locator("dialog[open]").waitFor();
          await assertSound(page, look, "act", name);
          await page.keyboard.press("Escape");
          for (const [view, opener] of views) {
            await page.evaluate(`location.hash = "#/${view.replace("ID", server.agent.id)}"`);
            await page.locator("article .plain li").first().waitFor();
            await assertSound(page, look, view.split("/")[0] ?? "", name);
            if (opener === null) continue;
            await page.getByRole("button", { name: opener }).first().click();
            await page.locator("dialog[open]").waitFor();
            await assertSound(page, look, `${view.split("/")[0]}-${opener.replace(/\W.*/, "")}`, name);
            await page.keyboard.press("Escape");
            await page.locator("dialog").waitFor({ state: "detached" });
          }
        });
      });
    }
  },
  { sanitizeOps: false, sanitizeResources: false },
);

const views: [path: string, opener: string | null][] = [
  ["agents/ID", "Edit…"],
  ["incidents", null],
  ["enrollment", "Revoke…"],
  ["channels", "Edit"],
];

async function assertSound(page: Page, look: string, view: string, name: string): Promise<void> {
  await picture(page, `${view}-${look.replace(/\W*$/, "").replaceAll(/\W+/g, "-")}`);
  if (!view.includes("-")) await shows(page, view === "act" ? "dialog" : "main, #fleet", name);
  assert.equal(
    await page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
    true,
    `${view} is too wide`,
  );
  const made =
    "[...document.querySelectorAll('img, script:not([src]):not([type=\"application/json\"])')].length";
  assert.equal(await page.evaluate(made), 0);
  assert.deepEqual(await page.evaluate(turned), [], `${view}: this turns around what stands behind it`);
  // What axe-core looks at is the same in a narrower window.
  if (!/\d/.test(look)) assert.deepEqual(await violationsOf(page), [], `${view}, ${look}`);
}

/** Texts with a control of the direction of writing that are not all of an element that isolates them. */
const turned = `(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const wrong = [];
  while (texts.nextNode()) {
    const { parentElement: parent, data } = texts.currentNode;
    if (!data.includes("\\u202e") || parent.closest("script, textarea, option")) continue;
    if (!parent.closest("bdi, code, #said")?.textContent.endsWith("\\u202e")) wrong.push(parent.outerHTML);
  }
  return wrong;
})()`;
