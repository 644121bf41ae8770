import assert from "node:assert/strict";
import axe from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import type { FakePage } from "./fake_page.ts";
import { part } from "./require.ts";
import { isInstalled } from "./tools.ts";
import { until } from "./wait.ts";

export type { Page };

/** Debian's Chromium. One for each file of tests: a start takes a second. */
export const withChromium = await part(
  "chromium",
  () => Promise.resolve(isInstalled("chromium") ? "chromium" : null),
);

export async function startBrowser(): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() });
}

interface Visit extends BrowserContextOptions {
  /** What follows the page's address. */
  path?: string;
  /** The browser's own clock stands at this time, and moves only when it is told to. */
  clock?: string;
  /** What the console may say. */
  allowed?: RegExp;
}

/** The context of a browser that needs no other settings: a new one takes a process of its own. */
const usualContexts = new WeakMap<Browser, Promise<BrowserContext>>();

function usualContext(browser: Browser): Promise<BrowserContext> {
  const context = usualContexts.get(browser) ?? newContext(browser, {});
  usualContexts.set(browser, context);
  return context;
}

function newContext(browser: Browser, options: BrowserContextOptions): Promise<BrowserContext> {
  return browser.newContext({
    viewport: { width: 1280, height: 900 },
    timezoneId: "UTC",
    // What comes in fades in: what is half there has half of its contrast.
    reducedMotion: "reduce",
    ...options,
  });
}

/** Opens the page and works on it. The console has to stay silent, and nobody but the page's server be asked. */
export async function visit(
  browser: Browser,
  { url }: Pick<FakePage, "url">,
  { path = "", clock, allowed, ...options }: Visit,
  work: (page: Page) => Promise<void>,
): Promise<void> {
  const isUsual = clock === undefined && Object.keys(options).length === 0;
  const context = isUsual ? await usualContext(browser) : await newContext(browser, options);
  const said: string[] = [];
  const strangers: string[] = [];
  let page: Page | null = null;
  try {
    page = await context.newPage();
    page.setDefaultTimeout(300_000);
    if (clock !== undefined) await page.clock.install({ time: clock });
    page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => said.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:")) strangers.push(request.url());
    });
    await page.goto(url + path);
    await work(page);
  } finally {
    await (isUsual ? page?.close() : context.close());
  }
  assert.deepEqual(said.filter((line) => !allowed?.test(line)), []);
  assert.deepEqual(strangers, []);
}

/** What axe-core has to say against the page as it is now. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await until("a look at the page while it is up to date", async () => {
    // What is not up to date is gray, and has half of its contrast. While axe-core looks, the page cannot go on.
    await page.locator("html:not([data-mood=stale])").waitFor();
    return await page.evaluate<{ id: string; nodes: string[] }[] | null>(look);
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).join("; ")}`);
}

/** Null where the page was not up to date for a moment while axe-core looked. */
const look = `(async () => {
  const page = document.documentElement;
  const moods = [page.dataset.mood];
  const watch = new MutationObserver(() => moods.push(page.dataset.mood));
  watch.observe(page, { attributeFilter: ["data-mood"] });
  const { violations } = await axe.run();
  watch.disconnect();
  if ([...moods, page.dataset.mood].includes("stale")) return null;
  const textOf = (one) => one.html + " " + one.failureSummary;
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(textOf) }));
})()`;

/** Waits until the page says so; fails by the test's own end, not by a time of its own. */
export async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

/** What the element that has the focus is called. */
export async function focused(page: Page): Promise<string> {
  return await page.evaluate<string>(
    `(({ ariaLabel, labels, textContent }) =>
      (ariaLabel ?? (labels?.length > 0 ? labels[0].textContent : textContent)).trim())(document.activeElement)`,
  );
}

/** Presses Tab until what is called so has the focus: everything can be reached so, or this fails. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let times = 0; times < 60; times++) {
    const found = await focused(page);
    if (typeof name === "string" ? found === name : name.test(found)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Cannot reach "${name}" by Tab`);
}

const pictures = Deno.env.get("OPENCLAW_TEST_PICTURES");

/** Keeps a picture of the page for a person to look at, where `OPENCLAW_TEST_PICTURES` names a folder for them. */
export async function picture(page: Page, name: string): Promise<void> {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
}
