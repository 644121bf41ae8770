import assert from "node:assert/strict";
import type { Dashboard } from "../../../cli/dashboard/dashboard.ts";
import { unavailable } from "../../../supabase/functions/_shared/http/errors.ts";
import { agent, agentId, incident, operatorKey, readerKeyRow, testBackend } from "../../_support/backend.ts";
import { dashboardOver, logIn, loginWith, pageUrl, see, visit } from "../../_support/page_visits.ts";
import { agentSecret, enrollmentCode, readerKey } from "../../_support/vectors.ts";

const acknowledge = `/page/api/incidents/${agentId}/acknowledge`;
const hour = 3_600_000;

Deno.test("GET / of a browser shows the login page, GET / of anybody else and the API are not the page's", async () => {
  const dashboard = dashboardOver(await testBackend());
  const asks = (pathname: string, accept: string): boolean =>
    dashboard.takes({ pathname, headers: new Headers({ accept }) });
  assert.equal(asks("/", "text/html,application/xhtml+xml,*/*;q=0.8"), true);
  assert.equal(asks("/page/login", "*/*"), true);
  for (const path of ["/", "/functions/v1/agents", "/api/agents", "/pages", "/agents"]) {
    assert.equal(asks(path, "*/*"), false, path);
  }
  const { status, text, headers } = await see(dashboard, "/");
  assert.equal(status, 200);
  assert.match(text, /<form method="post" action="\/page\/login">.*name="key" type="password"/s);
  assert.equal(headers["set-cookie"], undefined);
});

Deno.test("every reply of the page has the headers that close it to other pages and to caches", async () => {
  const dashboard = dashboardOver(await testBackend());
  for (const path of ["/", "/page/api/agents", "/page/nothing", "/page/logout"]) {
    const { headers } = await see(dashboard, path);
    assert.equal(headers["cache-control"], "no-store", path);
    assert.match(headers["content-security-policy"] ?? "", /^default-src 'none'; .*frame-ancestors 'none'/);
    assert.match(
      headers["content-security-policy"] ?? "",
      /require-trusted-types-for 'script'; trusted-types 'none'$/,
    );
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["x-frame-options"], "DENY");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.equal(headers["referrer-policy"], "same-origin");
    assert.equal(Object.keys(headers).some((name) => name.startsWith("access-control-")), false, path);
  }
});

Deno.test("an operator's key → a cookie that is not the key, with which the page and the API answer", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const { status, headers } = await see(dashboard, "/page/login", loginWith({ key: `  ${operatorKey}\n` }));
  assert.deepEqual([status, headers.location], [303, "/"]);
  const set = headers["set-cookie"] ?? "";
  assert.match(set, /^openclaw-54321=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(";")[0] ?? "";
  const page = await see(dashboard, "/", { headers: { cookie } });
  assert.equal(page.status, 200);
  assert.match(page.text, /"role":"operator"/);
  assert.equal((await see(dashboard, "/page/api/agents?limit=1", { headers: { cookie } })).status, 200);
  assert.equal((await see(dashboard, "/page/api/agents", { headers: {} })).status, 401);
  for (const text of [set, page.text]) assert.equal(text.includes(operatorKey), false);
  assert.equal(page.text.includes(cookie.split("=")[1] ?? ""), false, "the document has not the cookie");
});

Deno.test("under https the cookie is Secure", async () => {
  const dashboard = dashboardOver(await testBackend(), { publicUrl: "https://fleet.example" });
  const origin = { origin: "https://fleet.example" };
  for (const host of ["fleet.example", "127.0.0.1:54321"]) {
    const { headers } = await see(
      dashboard,
      "/page/login",
      loginWith({ key: operatorKey }, { ...origin, host }),
    );
    assert.match(headers["set-cookie"] ?? "", /; Secure$/, host);
  }
});

Deno.test("an operator's act goes through with the cookie, the Origin and the token", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const { cookie, token } = await logIn(dashboard);
  backend.calls.length = 0;
  const headers = { cookie, origin: pageUrl, "x-page-token": token };
  const { status, text } = await see(dashboard, acknowledge, { method: "POST", headers });
  assert.equal(status, 200, text);
  assert.deepEqual(JSON.parse(text), incident);
  assert.partialDeepStrictEqual(backend.calls, [{ name: "incidents.acknowledge", args: [agentId] }]);
});

const other = "A".repeat(43);
const refusedActs: [
  what: string,
  change: Record<string, string | undefined>,
  status: number,
  code: string,
][] = [
  ["without a cookie", { cookie: undefined }, 401, "operator_required"],
  ["with a cookie that nobody was given", { cookie: `openclaw-54321=${other}` }, 401, "operator_required"],
  [
    "with the key in the place of the cookie",
    { cookie: `openclaw-54321=${operatorKey}` },
    401,
    "operator_required",
  ],
  ["without a cookie and with the key", { cookie: undefined, apikey: operatorKey }, 401, "operator_required"],
  ["without an Origin", { origin: undefined }, 403, "forbidden"],
  ["of another origin", { origin: "http://evil.example" }, 403, "forbidden"],
  ["of another port of this host", { origin: "http://127.0.0.1:54322" }, 403, "forbidden"],
  ["of this host's name beside its address", { origin: "http://localhost:54321" }, 403, "forbidden"],
  ["of the origin null", { origin: "null" }, 403, "forbidden"],
  ["of an origin with a path", { origin: `${pageUrl}/x` }, 403, "forbidden"],
  ["without the token", { "x-page-token": undefined }, 403, "forbidden"],
  ["with an empty token", { "x-page-token": "" }, 403, "forbidden"],
  ["with another token", { "x-page-token": other }, 403, "forbidden"],
];

for (const [what, change, status, code] of refusedActs) {
  Deno.test(`an act ${what} → ${code}, and nothing is changed`, async () => {
    const backend = await testBackend();
    const dashboard = dashboardOver(backend);
    const { cookie, token } = await logIn(dashboard);
    backend.calls.length = 0;
    const given = { cookie, origin: pageUrl, "x-page-token": token, ...change };
    const headers = Object.fromEntries(
      Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
    );
    for (const method of ["POST", "PATCH", "DELETE"]) {
      const reply = await see(dashboard, acknowledge, { method, headers });
      assert.equal(reply.status, status, reply.text);
      assert.equal(JSON.parse(reply.text).error, code);
    }
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("a reader's key opens a page that reads; its acts are forbidden, and nothing is changed", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const { cookie, token } = await logIn(dashboard, readerKey);
  assert.match((await see(dashboard, "/", { headers: { cookie } })).text, /"role":"reader"/);
  assert.equal((await see(dashboard, "/page/api/agents", { headers: { cookie } })).status, 200);
  backend.calls.length = 0;
  const headers = { cookie, origin: pageUrl, "x-page-token": token };
  const { status, text } = await see(dashboard, acknowledge, { method: "POST", headers });
  assert.deepEqual([status, JSON.parse(text).error], [403, "forbidden"]);
  assert.deepEqual(backend.calls.map(({ name }) => name), ["readerKeys.find"]);
});

const refusedKeys: [what: string, key: string][] = [
  ["no key", ""],
  ["a wrong key", operatorKey.replace("0000", "0001")],
  ["a part of the key", operatorKey.slice(0, -1)],
  ["an agent's secret", agentSecret],
  ["an enrollment code", enrollmentCode],
  ["a mistyped reader's key", `${readerKey.slice(0, -1)}x`],
  ["a JWT", "eyJhbGciOiJub25lIn0.e30."],
  ["a key with a line break", `${operatorKey}\r\nx: y`],
];

for (const [what, key] of refusedKeys) {
  Deno.test(`a login with ${what} → 401 and the login page, no cookie, and the key is not repeated`, async () => {
    const backend = await testBackend();
    const dashboard = dashboardOver(backend);
    const { status, headers, text } = await see(dashboard, "/page/login", loginWith({ key }));
    assert.equal(status, 401, text);
    assert.equal(headers["set-cookie"], undefined);
    assert.match(text, /role="alert">This key is not valid/);
    backend.log.flush();
    for (const said of [text, ...backend.lines]) assert.equal(key !== "" && said.includes(key), false);
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("refused logins count as refusals: the 21st of an address → 429, and a valid key is still let in", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const wrong = loginWith({ key: "sb_secret_wrong" });
  for (let attempt = 0; attempt < 20; attempt++) {
    assert.equal((await see(dashboard, "/page/login", wrong)).status, 401);
  }
  const { status, headers, text } = await see(dashboard, "/page/login", wrong);
  assert.deepEqual([status, headers["retry-after"]], [429, "1"]);
  assert.match(text, /role="alert">Cannot accept another attempt/);
  assert.equal((await see(dashboard, "/page/login", loginWith({ key: operatorKey }))).status, 303);
});

const refusedForms: [what: string, init: ReturnType<typeof loginWith>, status: number][] = [
  ["of another origin", loginWith({ key: operatorKey }, { origin: "http://evil.example" }), 403],
  ["of the origin null", loginWith({ key: operatorKey }, { origin: "null" }), 403],
  ["as JSON", loginWith({ key: operatorKey }, { "content-type": "application/json" }), 400],
  ["as plain text", loginWith({ key: operatorKey }, { "content-type": "text/plain" }), 400],
  ["of 65 KiB", loginWith({ key: "x".repeat(65 * 1024) }), 413],
];

for (const [what, init, status] of refusedForms) {
  Deno.test(`a login ${what} → ${status}, and no cookie`, async () => {
    const reply = await see(dashboardOver(await testBackend()), "/page/login", init);
    assert.equal(reply.status, status, reply.text);
    assert.equal(reply.headers["set-cookie"], undefined);
  });
}

const foreignHosts = [
  "evil.example",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "",
  "127.0.0.1:54321, evil.example",
];
for (const host of foreignHosts) {
  Deno.test(`a request for the host "${host}" → 421, logged in or not, and nothing is asked`, async () => {
    const backend = await testBackend();
    const dashboard = dashboardOver(backend);
    const { cookie, token } = await logIn(dashboard);
    backend.calls.length = 0;
    const origin = `http://${host}`;
    const headers = { host, cookie, origin, "x-page-token": token };
    for (const path of ["/", "/page/api/agents", "/page/stream"]) {
      assert.equal((await visit(dashboard, path, { headers })).status, 421, path);
    }
    assert.equal((await visit(dashboard, acknowledge, { method: "POST", headers })).status, 421);
    assert.equal(
      (await visit(dashboard, "/page/login", loginWith({ key: operatorKey }, { host, origin }))).status,
      421,
    );
    assert.deepEqual(backend.calls, []);
  });
}

for (const host of ["127.0.0.1:54321", "localhost:8080", "[::1]:54321", "192.168.1.5", "fleet.example"]) {
  Deno.test(`a request for the host "${host}" is the page's`, async () => {
    const dashboard = dashboardOver(await testBackend(), { publicUrl: "https://fleet.example" });
    assert.equal((await visit(dashboard, "/", { headers: { host } })).status, 200);
    const form = loginWith({ key: operatorKey }, { host, origin: `http://${host}` });
    assert.equal((await visit(dashboard, "/page/login", form)).status, 303);
  });
}

for (
  const path of [
    "heartbeat",
    "handshake",
    "enroll",
    "rotate-secret",
    "jwks",
    "..%2fagents",
    "agents/../jwks",
    "agents//x",
    "",
    "nothing",
  ]
) {
  Deno.test(`/page/api/${path} → 404, since the page has no use for it`, async () => {
    const dashboard = dashboardOver(await testBackend());
    const { cookie } = await logIn(dashboard);
    assert.equal((await visit(dashboard, `/page/api/${path}`, { headers: { cookie } })).status, 404);
  });
}

for (
  const [path, method] of [["/", "POST"], ["/page/login", "GET"], ["/page/logout", "GET"], ["/", "DELETE"], [
    "/page/login",
    "OPTIONS",
  ]] as const
) {
  Deno.test(`${method} ${path} → 405 with what is allowed`, async () => {
    const { status, headers } = await see(dashboardOver(await testBackend()), path, { method });
    assert.equal(status, 405);
    assert.match(headers.allow ?? "", /^(GET|POST)$/);
  });
}

async function isOpen(dashboard: Dashboard, cookie: string): Promise<boolean> {
  return (await see(dashboard, "/page/api/health", { headers: { cookie } })).status === 200;
}

Deno.test("a logout needs the Origin and the token, and ends the session", async () => {
  const dashboard = dashboardOver(await testBackend());
  const { cookie, token } = await logIn(dashboard);
  const form = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    see(dashboard, "/page/logout", loginWith(fields, { cookie, ...headers }));
  assert.equal((await form({ token: other })).status, 403);
  assert.equal((await form({ token }, { origin: "http://evil.example" })).status, 403);
  assert.equal(await isOpen(dashboard, cookie), true);
  const { status, headers } = await form({ token });
  assert.deepEqual([status, headers.location], [303, "/"]);
  assert.match(headers["set-cookie"] ?? "", /^openclaw-54321=; Path=\/; Max-Age=0; /);
  assert.equal(await isOpen(dashboard, cookie), false);
});

Deno.test("a login anew ends the session before it", async () => {
  const dashboard = dashboardOver(await testBackend());
  const { cookie } = await logIn(dashboard);
  assert.equal(
    (await see(dashboard, "/page/login", loginWith({ key: operatorKey }, { cookie }))).status,
    303,
  );
  assert.equal(await isOpen(dashboard, cookie), false);
});

Deno.test("a session ends after 12 h without a request, and after 7 days with them", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const after = (hours: number): void =>
    void (backend.clock.now = new Date(backend.clock.now.getTime() + hours * hour));
  const idle = await logIn(dashboard);
  after(12);
  assert.equal(await isOpen(dashboard, idle.cookie), true);
  after(12.01);
  assert.equal(await isOpen(dashboard, idle.cookie), false);
  const used = await logIn(dashboard);
  for (let hours = 0; hours < 7 * 24; hours += 8) {
    assert.equal(await isOpen(dashboard, used.cookie), true, `${hours} h`);
    after(8);
  }
  after(0.01);
  assert.equal(await isOpen(dashboard, used.cookie), false);
});

Deno.test("of 1,001 sessions the one that was used the longest ago ends", async () => {
  const dashboard = dashboardOver(await testBackend());
  const first = await logIn(dashboard);
  const second = await logIn(dashboard);
  assert.equal(await isOpen(dashboard, first.cookie), true);
  for (let count = 2; count < 1001; count++) {
    await see(dashboard, "/page/login", loginWith({ key: operatorKey }));
  }
  assert.equal(await isOpen(dashboard, second.cookie), false);
  assert.equal(await isOpen(dashboard, first.cookie), true);
});

for (const path of ["/", "/page/api/agents"]) {
  Deno.test(`a key that was revoked ends its session with the next GET ${path}`, async () => {
    let isRevoked = false;
    const find = () => Promise.resolve(isRevoked ? null : readerKeyRow);
    const dashboard = dashboardOver(await testBackend({ readerKeys: { find } }));
    const { cookie } = await logIn(dashboard, readerKey);
    isRevoked = true;
    const { status, text } = await see(dashboard, path, { headers: { cookie } });
    assert.equal(status, 401);
    if (path === "/") {
      assert.match(text, /role="alert">The key that you logged in with is not valid any more/);
    }
    isRevoked = false;
    assert.equal(await isOpen(dashboard, cookie), false);
  });
}

Deno.test("the server's stop ends every session", async () => {
  const dashboard = dashboardOver(await testBackend());
  const { cookie } = await logIn(dashboard);
  dashboard.stop();
  assert.equal(await isOpen(dashboard, cookie), false);
});

Deno.test("the page's state has no name that could end its script", async () => {
  const name = `</script><script src=//evil.example></script><!-- \u2028`;
  const list = () =>
    Promise.resolve({
      rows: [{ ...agent, name }],
      next: null,
      totals: { counts: { pending: 1 }, troubles: {} },
    });
  const dashboard = dashboardOver(await testBackend({ agents: { list } }));
  const { cookie } = await logIn(dashboard);
  const { text } = await see(dashboard, "/", { headers: { cookie } });
  assert.equal(text.includes("<script src=//evil"), false);
  const state = /<script type="application\/json" id="page-state">(.*?)<\/script>/s.exec(text)?.[1] ?? "";
  assert.equal(JSON.parse(state).agents[0].name, name);
});

Deno.test("the page's own filters are in its state, and one that the API refuses is left out", async () => {
  const backend = await testBackend();
  const dashboard = dashboardOver(backend);
  const { cookie } = await logIn(dashboard);
  backend.calls.length = 0;
  const state = async (path: string): Promise<Record<string, unknown>> => {
    const { text, status } = await see(dashboard, path, { headers: { cookie } });
    assert.equal(status, 200);
    return JSON.parse(/id="page-state">(.*?)<\/script>/s.exec(text)?.[1] ?? "");
  };
  assert.equal(
    (await state("/?q=edge&liveness=late&group=site&utm=1")).query,
    "q=edge&liveness=late&group=site",
  );
  // The two lists are asked for at once, in any order.
  const asked = backend.calls.map(({ args }) => args[1]).find((query) => Object(query).sort === "label:site");
  assert.partialDeepStrictEqual(asked, { filter: { search: "edge", liveness: ["late"] }, isCounted: false });
  assert.equal((await state("/?liveness=glad")).query, "");
});

Deno.test("a database that is away → 503 in words for the page, and the session goes on", async () => {
  let isAway = false;
  const backend = await testBackend();
  const { list } = backend.database.agents;
  backend.database.agents.list = (...given) =>
    isAway ? Promise.reject(unavailable("the database", new Error("gone"))) : list(...given);
  const dashboard = dashboardOver(backend);
  const { cookie } = await logIn(dashboard);
  isAway = true;
  const { status, headers, text } = await see(dashboard, "/", { headers: { cookie } });
  assert.deepEqual([status, headers["retry-after"]], [503, "5"]);
  assert.match(text, /^Cannot answer: the database is unreachable/);
  isAway = false;
  assert.equal((await see(dashboard, "/", { headers: { cookie } })).status, 200);
});
