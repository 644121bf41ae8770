import assert from "node:assert/strict";
import { join } from "node:path";
import { shows, startBrowser, visit, withChromium } from "../../../_support/browser.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { startServerHere } from "../../../_support/server_here.ts";

withChromium.test("openclaw serve's own page in Chromium", async (_found, context) => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  await using server = await startServerHere({ data });
  await using browser = await startBrowser();
  await context.step("log in, look, act, see it at once, log out", () => useIt(browser, server, data));
  await context.step(
    "a page of another origin can neither act nor frame it, though the cookie comes along",
    () => asStranger(browser, server),
  );
}, { sanitizeOps: false, sanitizeResources: false });

type Browser = Awaited<ReturnType<typeof startBrowser>>;
type Server = Awaited<ReturnType<typeof startServerHere>>;

async function useIt(browser: Browser, server: Server, data: string): Promise<void> {
  for (const name of ["edge-1", "edge-2", "<i>edge-3</i>"]) await make(server, name);
  await visit(browser, { url: `${server.url}/` }, {}, async (page) => {
    await page.getByLabel("An operator's or a reader's key").fill(server.operatorKey);
    await page.getByRole("button", { name: "Log in" }).click();
    await shows(page, "h1", "3 agents: 3 pending.");
    await page.locator("canvas[style*=height]").waitFor();
    await make(server, "edge-4");
    await shows(page, "h1", "4 agents: 4 pending.");
    await shows(page, ".list .row", "<i>edge-3</i>");
    await page.getByRole("link", { name: "edge-2" }).click();
    await shows(page, "h1", "edge-2");
    await shows(page, "section", /Events.*created/);
    await page.getByRole("button", { name: "Act…" }).click();
    await page.getByRole("radio", { name: "Revoke" }).check();
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await shows(page, ".state", "revoked");
    await page.getByRole("link", { name: "Enrollment" }).click();
    await page.getByRole("button", { name: "Make a code" }).click();
    await shows(page, ".line code", /OPENCLAW_ENROLLMENT_CODE=oce_[\w-]{50} sh$/);
    await page.getByRole("link", { name: "Fleet" }).click();
    await shows(page, "h1", "4 agents: 3 pending, 1 revoked.");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("An operator's or a reader's key").waitFor();
  });
  await visit(browser, { url: `${server.url}/` }, {}, async (page) => {
    await page.getByLabel("An operator's or a reader's key").fill(
      (await Deno.readTextFile(`${data}/reader-key`)).trim(),
    );
    await page.getByRole("button", { name: "Log in" }).click();
    await shows(page, "header", "reader");
    await page.getByRole("link", { name: "edge-1" }).click();
    await shows(page, "h1", "edge-1");
    assert.equal(await page.getByRole("button", { name: "Act…" }).count(), 0);
  });
}

/** A cookie knows no ports: what another server of this host shows is of the same site. */
async function asStranger(browser: Browser, server: Server): Promise<void> {
  const html = `<!doctype html><title>stranger</title><iframe src="${server.url}/"></iframe>
    <form method="post"><input name="token" value="x"></form>`;
  await using stranger = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    () => new Response(html, { headers: { "content-type": "text/html" } }),
  );
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  await page.goto(server.url);
  await page.getByLabel("An operator's or a reader's key").fill(server.operatorKey);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator("h1").filter({ hasText: "4 agents" }).waitFor();
  const href = await page.locator(".list a").first().getAttribute("href");
  const id = href?.replace("#/agents/", "") ?? "";
  const cookies = await context.cookies();
  assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite]), [[true, "Strict"]]);

  await page.goto(`http://127.0.0.1:${stranger.addr.port}/`);
  const [frame] = page.frames().filter((frame) => frame !== page.mainFrame());
  assert.ok(frame?.url().startsWith("chrome-error:"), frame?.url());
  for (const [path, method] of [["agents", "GET"], [`agents/${id}/revoke`, "POST"]]) {
    const ask =
      `fetch("${server.url}/page/api/${path}", { method: "${method}", mode: "no-cors", credentials: "include" })`;
    assert.equal(
      await page.evaluate(`${ask}.then(() => "answered", () => "not even that")`),
      "not even that",
    );
  }
  // What a form is answered can be seen by this test, and by nobody else.
  for (const path of [`api/agents/${id}/revoke`, "logout"]) {
    await page.goto(`http://127.0.0.1:${stranger.addr.port}/`);
    const answered = page.waitForResponse((reply) => reply.url().endsWith(path));
    await page.evaluate(
      `document.forms[0].action = "${server.url}/page/${path}"; document.forms[0].submit()`,
    );
    assert.equal((await answered).status(), 403);
    assert.ok("cookie" in await (await answered).request().allHeaders(), "the cookie came along");
    await page.waitForURL((url) => url.pathname.endsWith(path));
  }

  await page.goto(`${server.url}/#/agents/${id}`);
  await shows(page, ".state", "pending");
  await context.close();
}

async function make(server: { base: string; operatorKey: string }, name: string): Promise<void> {
  const reply = await fetch(`${server.base}/create-agent`, {
    method: "POST",
    headers: { apikey: server.operatorKey },
    body: JSON.stringify({ name }),
  });
  assert.equal(reply.status, 201, await reply.text());
}
