// deno-lint-ignore-file no-console -- a benchmark prints
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import type { Browser, CDPSession, Page } from "playwright-core";
import { assets, entry } from "../../cli/dashboard/assets.generated.ts";
import { startBrowser } from "../_support/browser.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { startServerProcess, temporaryFolder } from "../_support/server.ts";
import { execute, type Sql, withSql } from "../_support/sql.ts";
import { cpuOf } from "./_accounting.ts";
import { median } from "./_numbers.ts";

// The page in Debian's Chromium, over `openclaw serve` and Postgres, while agents change: what it loads, how soon there
// is a row to read, how smoothly it scrolls, how soon a change is seen, what it keeps, and what it costs the server.
// The changes are made in SQL: what a beat costs as a whole is measured elsewhere.
//
//   deno task bench:page [--agents 50000] [--minutes 10]

const { values: { agents = "50000", minutes = "10" } } = parseArgs({
  args: Deno.args,
  options: { agents: { type: "string" }, minutes: { type: "string" } },
});
/** How many agents change in a second: that many beats come of 50,000. */
const changesASecond = 840;
const turnMs = 100;
const loads = 5;
const scrollMs = 10_000;
const changes = 20;
/** What Lighthouse calls slow 4G: a round trip of 150 ms, 1.6 Mbit/s down, 750 kbit/s up. */
const slow4g = {
  offline: false,
  latency: 150,
  downloadThroughput: 1_600_000 / 8,
  uploadThroughput: 750_000 / 8,
};

const fleet = `
  insert into public.agents (name, labels, hostname, version, heartbeat_interval_seconds)
    select 'web-' || i, jsonb_build_object('site', 'site-' || i % 20), 'host-' || i, '1.0.0', 86400
    from generate_series(1, ${Number(agents)}) as i;
  update public.agent_beats as b set
      last_seen_at = now(), online_since = now() - interval '1 hour', heartbeats_count = 1, status = 'healthy',
      metrics = '{"cpu_percent": 3.25, "disk_percent": 70, "load_1m": 0.5, "memory_percent": 41.5, "uptime_seconds": 12345}';
  update public.agent_beats as b set last_seen_at = now() - interval '9 days'
    from public.agents as a where a.id = b.agent_id and substr(a.name, 5)::integer % 5000 = 0;
  vacuum analyze public.agents;
  vacuum analyze public.agent_beats
`;

/** In the page: notes when the first row of an agent has been painted. */
const watchFirstRow = `
  const look = () => document.querySelector(".row:not(.head) .name a") === null
    ? requestAnimationFrame(look)
    : requestAnimationFrame(() => setTimeout(() => globalThis.firstRowAt = performance.now()));
  requestAnimationFrame(look);
`;

interface Figure {
  what: string;
  value: number;
  unit: string;
  most?: number;
  least?: number;
}

const bin = await findPostgres();
if (bin === null) console.log("left out: it takes a Postgres");
else {
  await using postgres = await startPostgres(bin);
  const address = await postgres.createDatabase();
  await using data = await temporaryFolder();
  await using server = await startServerProcess({ data: data.path, env: { DATABASE_URL: address } });
  for (const statement of fleet.split(";")) await execute(address, statement);
  await using browser = await startBrowser();
  const figures = await withSql(address, async (sql) => {
    const ids =
      (await sql`select agent_id from public.agent_beats where last_seen_at > now() - interval '1 day'`)
        .map(({ agent_id }) => String(agent_id));
    return await measure({ sql, ids, server, browser, postgres: await postgres.pid() });
  });
  for (const figure of figures) print(figure);
  if (!figures.every(isReached)) Deno.exitCode = 1;
}

interface Subject {
  sql: Sql;
  /** The agents that may change. */
  ids: string[];
  server: { url: string; operatorKey: string; pid: number };
  browser: Browser;
  postgres: number;
}

async function measure(subject: Subject): Promise<Figure[]> {
  const { browser, server, sql, ids } = subject;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const others = new Set<string>();
  context.on("request", (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith("data:")) {
      others.add(request.url());
    }
  });
  await context.addInitScript(watchFirstRow);
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const devtools = await context.newCDPSession(page);
  await page.goto(server.url);
  await page.getByLabel("An operator's or a reader's key").fill(server.operatorKey);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator("canvas[style*=height]").waitFor();
  const loopback = await firstRow(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", slow4g);
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  const slow = await firstRow(page);
  await devtools.send("Network.emulateNetworkConditions", {
    ...slow4g,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: -1,
  });
  const state = await page.evaluate<string>(`document.getElementById("page-state").textContent`);
  using _changes = keepChanging(sql, ids);
  await page.locator("canvas[style*=height]").waitFor();
  // What came with the first looks is not what goes on.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const frames = await scroll(page);
  const seen = await changesSeen(page, sql, ids);
  const memory = await heaps(devtools, subject);
  await context.close();
  return [
    {
      what: "JavaScript and style of the first screen, gzipped",
      value: sizeOf(firstFiles()),
      unit: "bytes",
      most: 15_360,
    },
    {
      what: "all files of the page, gzipped",
      value: sizeOf(Object.keys(assets)),
      unit: "bytes",
      most: 61_440,
    },
    { what: "the first JSON, gzipped", value: gzipSync(state).length, unit: "bytes", most: 5120 },
    { what: "the first row, on loopback", value: loopback, unit: "ms", most: 300 },
    { what: "the first row, on slow 4G", value: slow, unit: "ms", most: 1000 },
    { what: "frames a second while it scrolls", value: frames.rate, unit: "", least: 58 },
    { what: "the longest frame", value: frames.worst, unit: "ms", most: 34 },
    { what: `a change is seen after, median of ${changes}`, value: median(seen), unit: "ms", most: 1000 },
    { what: "a change is seen after, at most", value: Math.max(...seen), unit: "ms", most: 1000 },
    ...memory,
    { what: "requests to others", value: others.size, unit: "", most: 0 },
  ];
}

async function firstRow(page: Page): Promise<number> {
  const times: number[] = [];
  for (let load = 0; load < loads; load++) {
    // The one before has got its map: whoever reloads a page has seen it, and its requests have been answered.
    await page.locator("canvas[style*=height]").waitFor();
    await page.reload();
    times.push(await once(page, "globalThis.firstRowAt"));
  }
  return median(times);
}

/** The number that an expression has in the page once it has one. The page's policy lets Playwright not poll it by text. */
async function once(page: Page, expression: string): Promise<number> {
  return await page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const value = ${expression};
      if (value) resolve(value);
      else requestAnimationFrame(look);
    };
    look();
  })`);
}

/** Each change turns one agent from healthy to degraded, or back. */
function keepChanging(sql: Sql, ids: readonly string[]): Disposable {
  const perTurn = Math.round(changesASecond * turnMs / 1000);
  let next = 0;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    const changing = Array.from({ length: perTurn }, () => ids[next++ % ids.length] ?? "");
    void sql`
      update public.agent_beats set last_seen_at = now(), heartbeats_count = heartbeats_count + 1,
        status = case status when 'healthy' then 'degraded' when 'degraded' then 'healthy' else status end
      where agent_id = any (${changing}::uuid[])`.finally(() => isBusy = false);
  }, turnMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function scroll(page: Page): Promise<{ rate: number; worst: number }> {
  await page.mouse.move(640, 450);
  await page.evaluate(`
    globalThis.frames = [];
    const note = (at) => { globalThis.frames.push(at); if (globalThis.scrolling) requestAnimationFrame(note); };
    let down = 0;
    globalThis.scrolling = setInterval(() => scrollTo(0, (down += 40) % (document.documentElement.scrollHeight - innerHeight)), 16);
    requestAnimationFrame(note);
  `);
  await new Promise((resolve) => setTimeout(resolve, scrollMs));
  const at = await page.evaluate<number[]>(
    `clearInterval(globalThis.scrolling), globalThis.scrolling = 0, globalThis.frames`,
  );
  await page.evaluate("scrollTo(0, 0)");
  const gaps = at.slice(1).map((one, index) => one - (at[index] ?? one));
  return { rate: gaps.length * 1000 / gaps.reduce((sum, gap) => sum + gap, 0), worst: Math.max(...gaps) };
}

/** How long after its transaction each change stands in the page's sentence. */
async function changesSeen(page: Page, sql: Sql, ids: string[]): Promise<number[]> {
  const times: number[] = [];
  for (let change = 1; change <= changes; change++) {
    const seen = once(
      page,
      `new RegExp("\\\\b${change} unhealthy").test(document.querySelector("h1").textContent) && Date.now()`,
    );
    await sql`update public.agent_beats set status = 'unhealthy' where agent_id = ${
      ids[ids.length - change] ?? ""
    }`;
    const at = Date.now();
    times.push(await seen - at);
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1000));
  }
  return times;
}

/** What the page keeps, and what of the processors the server and Postgres take meanwhile. */
async function heaps(devtools: CDPSession, { server, postgres }: Subject): Promise<Figure[]> {
  const sizes: number[] = [];
  const before = [await cpuOf([server.pid]), await cpuOf([postgres])];
  const began = performance.now();
  for (let part = 0; part <= 10; part++) {
    if (part > 0) await new Promise((resolve) => setTimeout(resolve, Number(minutes) * 6000));
    await devtools.send("HeapProfiler.collectGarbage");
    sizes.push((await devtools.send("Runtime.getHeapUsage")).usedSize / 1e6);
  }
  const seconds = (performance.now() - began) / 1000;
  const used = [await cpuOf([server.pid]), await cpuOf([postgres])].map((cpu, index) =>
    (cpu - (before[index] ?? 0)) / 1000 / seconds
  );
  return [
    { what: "the heap, at most", value: Math.max(...sizes), unit: "MB", most: 40 },
    {
      what: `its growth over ${minutes} minutes`,
      value: (sizes.at(-1) ?? 0) - (sizes[0] ?? 0),
      unit: "MB",
      most: 2,
    },
    { what: "CPU of the server in a second, one page open", value: used[0] ?? 0, unit: "ms" },
    { what: "CPU of Postgres in a second, with the changes", value: used[1] ?? 0, unit: "ms" },
  ];
}

/** What is loaded before anything else is asked for. */
function firstFiles(): string[] {
  const known = new Set([entry.script, entry.style]);
  for (const name of known) {
    const imports = assets[name]?.text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g) ?? [];
    for (const [, other = ""] of imports) known.add(other);
  }
  return [...known];
}

function sizeOf(names: string[]): number {
  return names.reduce((sum, name) => sum + gzipSync(assets[name]?.text ?? "", { level: 9 }).length, 0);
}

function isReached({ value, most = Infinity, least = -Infinity }: Figure): boolean {
  return value <= most && value >= least;
}

function print(figure: Figure): void {
  const { what, value, unit, most, least } = figure;
  const goal = most !== undefined ? `at most ${most}` : least !== undefined ? `at least ${least}` : "";
  const text = `${value.toLocaleString("en-US", { maximumFractionDigits: 1 })} ${unit}`;
  console.log(
    `${what.padEnd(52)}${text.padStart(16)}  ${goal.padEnd(16)}${isReached(figure) ? "" : "missed"}`,
  );
}
