import assert from "node:assert/strict";
import { dirname } from "node:path";
import { makeCertificate } from "../../_support/certificate.ts";
import { assertEnded } from "../../_support/installers.ts";
import { forward, withFront } from "../_front.ts";
import { type Scenario, type Scene, standIn, untouched } from "../_scene.ts";

/** What all installers are held to: what is at the address, and what it answers. */
export const server: Scenario[] = [
  { name: "a server that is down is unreachable, and nothing is touched", work: down },
  { name: "a proxy's page instead of JSON is told apart, and nothing is touched", work: proxyPage },
  { name: "a redirect is not followed", work: redirected },
  { name: "a certificate that nobody signed is TLS's fault", work: untrusted, needs: ["openssl"] },
  { name: "JSON with other spacing and key order is read", work: otherJson },
  { name: "numbers and letters written in other ways that JSON has are read", work: otherNumbers },
  { name: "a time that no clock shows is no warning", work: oddTime },
  { name: "what a server says is shown without what a terminal acts on", work: plainWords },
  {
    name: "a proxy is never asked for a loopback address",
    work: proxied,
    own: "session",
    alone: "too",
  },
  { name: "a clock that is off is a warning with the offset", work: clockOff },
  {
    name: "names with quotes, substitutions, backslashes and direction marks are shown and not run",
    work: names,
  },
  { name: "URLs that are none, or not encrypted, are refused", work: urls },
];

async function down({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await untouched(host, () => host.install(agent, `http://127.0.0.1:1`), 6, /Cannot reach http/);
}

async function proxyPage({ host, fleet, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const pages: [string, number][] = [
    ["<!doctype html><title>Sign in to the network</title>", 200],
    ['{"token": "x"', 200],
    ['{"ok": true}', 200],
    ['{"token": 5, "refresh_in": "a", "next_heartbeat_in": 0}', 200],
    ["[]", 200],
    [`{"token": "${"a".repeat(100_000)}", "refresh_in": 9, "next_heartbeat_in": 0}`, 200],
    ["", 200],
    ["<h1>Bad gateway</h1>", 502],
  ];
  for (const [page, status] of some(pages)) {
    await withFront(
      () => new Response(page, { status, headers: { "content-type": "text/html" } }),
      async (url) => {
        await untouched(host, () => host.install(agent, url), 6, /is not openclaw, perhaps a proxy's page/);
      },
    );
  }
}

async function redirected({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const there = (request: Request): Response => Response.redirect(url + new URL(request.url).pathname, 307);
  await withFront(there, async (front) => {
    await untouched(
      host,
      () => host.install(agent, front),
      6,
      /it redirects \(status 307\), and that is not followed/,
    );
  });
  assert.equal((await fleet.agent(agent.id)).last_handshake_at, null);
}

async function untrusted({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const tls = await makeCertificate(dirname(host.home));
  const late = new Date(Date.now() - 3_600_000).toUTCString();
  let date = {};
  await withFront(() => new Response("{}", { headers: date }), async (url) => {
    const { stderr } = await untouched(host, () => host.install(agent, url), 6, /TLS fails: .*certificate/i);
    assert.match(stderr, /^error: .*\nhint: .*\n$/);
    date = { date: late };
    await untouched(
      host,
      () => host.install(agent, url),
      6,
      /TLS fails, and this host's clock is 36\d\d s ahead/,
    );
  }, tls);
}

async function otherJson({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const turned = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries([...Object.entries(value).reverse().map(([key, inner]) => [key, turned(inner)]), [
        "unknown",
        [{ token: "no", ok: [] }, '\u2028"}', -1.5e3, null],
      ]])
      : value;
  const spaced = (body: unknown): string => `\n\t ${JSON.stringify(turned(body), null, "\t \r\n")}\r\n\n`;
  await withFront((request) => forward(request, url, spaced), async (front) => {
    assertEnded(await host.install(agent, front), 0);
  });
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
}

async function otherNumbers({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const shapes = ["-5", "1e999", "7e2", "0.5", "86400e0", "123456789012345678901234567890"];
  const odd = (body: Record<string, unknown>): string => {
    const shape = shapes.shift() ?? "5.7E1";
    const text = JSON.stringify({ ...body, next_heartbeat_in: 0 }).replace('"next_heartbeat_in":0', () => {
      return `"next_heartbeat_in":${shape}`;
    });
    return text.replace(/"(token|refresh_in|ok|liveness)"/g, (name) => name.replaceAll(/[a-e_]/g, escaped));
  };
  await withFront((request) => forward(request, url, odd), async (front) => {
    for (let time = 0; time < 3; time++) assertEnded(await host.install(agent, front), 0);
  });
  assert.deepEqual(shapes, []);
  const credentials = await Deno.readTextFile(host.credentials);
  await Deno.writeTextFile(host.credentials, credentials.replace("ocs_", "ocs\\u005F"));
  await withFront((request) => forward(request, url, JSON.stringify), async (front) => {
    await untouched(host, () => host.run(["--url", front, "--dry-run"]), 5, /has other credentials/);
  });
  assertEnded(await host.install(agent, JSON.parse(credentials).url, { args: ["--dry-run"] }), 6);
}

/** As JSON may write a letter. */
function escaped(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

async function oddTime({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const time of some(["999999-01-01T00:00:00Z", "2026", "", "now", "$(id)", 7])) {
    const odd = (body: Record<string, unknown>): string => JSON.stringify({ ...body, server_time: time });
    await withFront((request) => forward(request, url, odd), async (front) => {
      const { stderr } = await untouched(host, () => host.install(agent, front, { args: ["--dry-run"] }), 0);
      assert.match(stderr, /^shook hands with .*\n$/);
    });
  }
}

async function plainWords({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const error_description = "Cannot \u009b31m say \u202e it \u2066 \u200f \u007f é";
  const body = { error: "internal", error_description };
  await withFront(() => Response.json(body, { status: 500 }), async (front) => {
    const { stderr } = await untouched(host, () => host.install(agent, front), 6);
    assert.ok(stderr.includes("the server answers 500 internal: Cannot ?31m say ? it ? ?  é\n"), stderr);
  });
}

/** A proxy has another loopback, and an address without TLS would show it the secret. */
async function proxied({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const { sum, page } = await standIn(host);
  let asked = 0;
  await withFront(() => (asked++, new Response("a proxy")), async (proxy) => {
    const env: Record<string, string> = {};
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]) {
      env[name] = proxy;
    }
    await withFront((request) => new Response(page(request)), async (front) => {
      const sums = ["--binary-url", `${front}/openclaw`];
      assertEnded(await host.install(agent, url, { env, args: ["--dry-run", ...sums] }), 0);
      assertEnded(await host.install(agent, url, { env, args: [...sums, "--sha256", sum] }), 0);
    });
    assertEnded(await host.run(["--uninstall"], { env }), 0);
  });
  assert.equal(asked, 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function clockOff({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const later = (body: Record<string, unknown>): string =>
    JSON.stringify({ ...body, server_time: new Date(Date.now() + 7_200_500).toISOString() });
  await withFront((request) => forward(request, url, later), async (front) => {
    const dry = host.install(agent, front, { args: ["--dry-run"] });
    assertEnded(await dry, 0, /warning: this host's clock is 7(19|20)\d s behind the server's/);
  });
}

async function names({ host, fleet, url }: Scene): Promise<void> {
  const name = `a "b" 'c' $(touch pwned) \`touch pwned\` \\ ${"é"} 日本 %s @;&|<>`;
  const agent = await fleet.createAgent({ name, labels: { note: `"'$(touch pwned)\\` } });
  // No server of ours has such a mark in a name.
  const marked = (body: Record<string, unknown>): string => JSON.stringify(body).replace("@", "\u202e");
  await withFront((request) => forward(request, url, marked), async (front) => {
    const run = await host.install(agent, front, { env: { HOME: host.home } });
    assertEnded(run, 0);
    assert.ok(run.stderr.includes(`as "${name.replace("@", "?")}"`), run.stderr);
  });
  assert.equal((await Object.keys(await host.tree())).filter((path) => path.endsWith("pwned")).length, 0);
}

async function urls({ host, fleet, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const refused = [
    "http://fleet.example",
    "http://127.0.0.1.example",
    "http://localhost.example:80",
    "ftp://127.0.0.1",
    "https://user:password@fleet.example",
    "https://fleet.example/?a=b",
    "https://fleet.example/#a",
    'https://fleet.example/"',
    "https://fleet.example/\\",
    "https://fleet.example/ a",
    "https://fleet.example/`id`",
    "https://fleet.example/\nheader = x",
    "https://élan.example",
    "https://",
    "https://[",
    "https://[::1",
    "http://[::1",
    "fleet.example",
  ];
  for (const url of some(refused)) {
    await untouched(
      host,
      () => host.install(agent, url),
      2,
      /Cannot use the URL/,
    );
  }
  await untouched(
    host,
    () => host.install(agent, "http://127.0.0.1:1/$(id)'&;/functions/v1//"),
    6,
    /Cannot reach http/,
  );
}
