import assert from "node:assert/strict";
import { ours, refuses } from "../../../_support/fault_server.ts";
import {
  emptyPage,
  fakeAgent,
  offlineAgent,
  operatorKey,
  queriesOf,
  serverTime,
  startFakeFleet,
} from "../../../_support/fake_fleet.ts";
import { closedPort } from "../../../_support/port.ts";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";

async function fleet(url: string, ...args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey };
  return await runInSession(["fleet", ...args], { home: home.path, env });
}

Deno.test("openclaw fleet into a pipe prints every agent of every page, uncut and without color", async () => {
  const name = "n".repeat(100);
  using server = startFakeFleet(
    Array.from({ length: 250 }, (_, index) => fakeAgent(index, { name: `${name}${index}` })),
  );
  const { code, stdout, stderr } = await fleet(server.url);
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual([lines[0], lines[1], lines.length], ["all 250 are online", "", 253]);
  assert.ok(lines.at(-1)?.startsWith(`✓ online  ${name}249 `));
  // deno-lint-ignore no-control-regex -- what paints a terminal begins with one
  assert.doesNotMatch(stdout, /\u001b/);
  assert.deepEqual(queriesOf(server), [{ limit: "200" }, { limit: "200", cursor: "200" }]);
});

Deno.test("openclaw fleet --json is one object with every agent once, as the server sent it", async () => {
  const agents = [
    offlineAgent(1),
    ...Array.from({ length: 250 }, (_, index) => fakeAgent(index + 2)),
    offlineAgent(1),
  ];
  using server = startFakeFleet(agents);
  const { code, stdout, stderr } = await fleet(server.url, "--json");
  assert.deepEqual([code, stderr, stdout.split("\n").length], [0, "", 2]);
  const told = JSON.parse(stdout);
  assert.deepEqual(Object.keys(told), ["counts", "troubles", "agents", "server_time"]);
  assert.deepEqual(told.agents, agents.slice(0, -1));
  assert.equal(told.server_time, serverTime);
});

Deno.test("openclaw fleet asks the server for what its flags choose", async () => {
  using server = startFakeFleet([fakeAgent(1)]);
  const args = [
    "--liveness",
    "offline,late",
    "--label",
    "role:a b&c",
    "--search",
    "100% =?",
    "--sort",
    "-name",
  ];
  assert.equal((await fleet(server.url, ...args)).code, 0);
  assert.deepEqual(queriesOf(server), [
    { liveness: "offline,late", label: "role:a b&c", q: "100% =?", sort: "-name", limit: "200" },
  ]);
});

const sentences: [agents: ReturnType<typeof fakeAgent>[], sentence: string][] = [
  [[fakeAgent(1)], "the only one is online"],
  [
    [
      offlineAgent(1),
      offlineAgent(2),
      fakeAgent(3, { liveness: "late" }),
      fakeAgent(4, {
        copies: [{ instance_id: "i", hostname: "x", address: null, last_seen_at: null }],
      }),
    ],
    "2 offline, 1 late, 1 copy of 4: look first at web-1 on host-1, silent for 2 h",
  ],
  [
    [offlineAgent(1, { muted_until: "2026-11-23T13:00:00Z" }), offlineAgent(2, { hostname: null })],
    "2 offline of 2: look first at web-2, silent for 2 h",
  ],
  [
    [fakeAgent(1, { liveness: "stalled", last_progress_at: "2026-11-23T11:00:00Z" }), fakeAgent(2)],
    "1 stalled of 2: look first at web-1 on host-1, whose work has stood still for 60 min",
  ],
  [
    [fakeAgent(1, { status: "unhealthy" }), fakeAgent(2)],
    "1 unhealthy of 2: look first at web-1 on host-1, which says that it is not well",
  ],
  [[fakeAgent(1), fakeAgent(2, { liveness: "stopped" })], "2 agents: 1 online, 1 stopped"],
];
for (const [agents, sentence] of sentences) {
  Deno.test(`openclaw fleet says: ${sentence}`, async () => {
    using server = startFakeFleet(agents);
    const { stdout } = await fleet(server.url);
    assert.equal(stdout.split("\n")[0], sentence);
  });
}

Deno.test("openclaw fleet counts the whole fleet's troubles, and not those of the rows that it fetched", async () => {
  const copied = {
    copies: [{ instance_id: "i", hostname: "x", address: null, last_seen_at: null }],
  };
  const agents = Array.from({ length: 199 }, (_, index) => fakeAgent(index, { status: "unhealthy" }));
  using server = startFakeFleet([...agents, fakeAgent(200, copied), fakeAgent(201, copied)]);
  const { stdout } = await fleet(server.url, "--liveness", "late");
  assert.equal(stdout.trimEnd(), "199 unhealthy, 2 copies of 201");
});

const notes: [more: Record<string, unknown>, note: RegExp][] = [
  [{ clock_offset_seconds: 31 }, /clock 31 s ahead$/m],
  [{ clock_offset_seconds: -400 }, /clock 6 min behind$/m],
  [{ clock_offset_seconds: -30 }, /0\.1\.0$/m],
  [
    { refused_handshakes_count: 7, last_refused_at: "2026-11-23T11:50:00Z", last_refusal: "wrong_secret" },
    /refused 7x, last 10 min ago \(wrong secret\)$/m,
  ],
  [{ rotation: "unsupported" }, /cannot rotate$/m],
  [{ muted_until: "2026-11-23T14:00:00Z" }, /muted for 2 h$/m],
  [{ muted_until: "2026-11-23T11:00:00Z" }, /0\.1\.0$/m],
  [{ copies: [{ instance_id: "i", hostname: null, address: null, last_seen_at: null }] }, /1 copy$/m],
  [{ secret_created_at: null }, /no secret$/m],
  [{ status: "degraded", message: "disk\nfull\u001b[2J" }, /degraded: disk full\?\[2J$/m],
];
for (const [more, note] of notes) {
  Deno.test(`openclaw fleet notes of ${JSON.stringify(more)}: ${note.source}`, async () => {
    using server = startFakeFleet([fakeAgent(1, more)]);
    const { stdout } = await fleet(server.url);
    assert.match(stdout, note);
  });
}

const muted = { muted_until: "2026-11-23T13:00:00Z" };
const late = fakeAgent(3, { liveness: "late" });
const unhealthy = fakeAgent(4, { status: "unhealthy" });
const checks: [args: string[], agents: ReturnType<typeof fakeAgent>[], code: number, stdout: RegExp][] = [
  [["--check"], [fakeAgent(1), late], 0, /^none of 2 is offline or stalled or unhealthy\n$/],
  [["--check"], [offlineAgent(1), late], 1, /^1 offline of 2\n[^]*web-1/],
  [["--check"], [fakeAgent(1, { liveness: "stalled" })], 1, /^1 stalled of 1\n/],
  [["--check"], [fakeAgent(1), unhealthy], 1, /^1 unhealthy of 2\n/],
  [["--check"], [offlineAgent(1, muted)], 0, /^none of 1/],
  [["--check=late,stalled"], [offlineAgent(1), late], 1, /^1 late of 2\n/],
  [["--check=late"], [offlineAgent(1)], 0, /^none of 1 is late\n$/],
  [["--nagios"], [fakeAgent(1)], 0, /^OPENCLAW OK - none of 1 is [^\n]+ \| online=1\n$/],
  [["--nagios"], [fakeAgent(1), late], 1, /^OPENCLAW WARNING - 1 late of 2: web-3 \| online=1 late=1\n$/],
  [
    ["--nagios"],
    [offlineAgent(1, { name: "a|b" }), late],
    2,
    /^OPENCLAW CRITICAL - 1 offline, 1 late of 2: a\?b, web-3 \|/,
  ],
  [["--nagios", "--check=offline"], [late], 0, /^OPENCLAW OK/],
];
for (const [args, agents, code, stdout] of checks) {
  const kinds = agents.map(({ liveness, status, muted_until }) =>
    `${liveness}${status === "unhealthy" ? " unhealthy" : ""}${muted_until ? " muted" : ""}`
  );
  Deno.test(`openclaw fleet ${args.join(" ")} of ${kinds.join(", ")} → exit code ${code}`, async () => {
    using server = startFakeFleet(agents);
    const result = await fleet(server.url, ...args);
    assert.equal(result.code, code, result.stderr);
    assert.equal(result.stderr, "");
    assert.match(result.stdout, stdout);
  });
}

for (
  const [args, says] of [
    [["--label", "rol:web"], /none has the label rol:web\n/],
    [["--search", "wbe"], /none has "wbe" in its name or hostname\n/],
    [["--label", "a", "--label", "b:c"], /none has the label a and the label b:c\n/],
  ] as const
) {
  Deno.test(`openclaw fleet --check ${args.join(" ")} that is like no agent → 4, and UNKNOWN of Nagios: nothing is well`, async () => {
    using server = startFakeFleet([]);
    assertRefused(await fleet(server.url, "--check", ...args), 4, says);
    const { code, stdout } = await fleet(server.url, "--nagios", ...args);
    assert.equal(code, 3);
    assert.match(stdout, /^OPENCLAW UNKNOWN - Cannot check any agent: none has /);
    const { stdout: shown } = await fleet(server.url, ...args);
    assert.match(shown, /^none of the agents is like that: see all with: .* fleet\n$/);
  });
}

Deno.test("openclaw fleet --check looks at every offline agent, and at no more of those that beat than are unhealthy", async () => {
  const offline = Array.from({ length: 201 }, (_, index) => offlineAgent(index));
  const online = Array.from(
    { length: 600 },
    (_, index) => fakeAgent(1000 + index, index < 200 ? { status: "unhealthy" } : {}),
  );
  using server = startFakeFleet([...offline, ...online]);
  const { code, stdout } = await fleet(server.url, "--check", "--json");
  assert.equal(code, 1);
  const { ok, checked, agents: bad } = JSON.parse(stdout);
  assert.deepEqual([ok, checked], [false, ["offline", "stalled", "unhealthy"]]);
  assert.deepEqual(bad, [...offline, ...online.slice(0, 200)]);
  assert.deepEqual(queriesOf(server), [
    { liveness: "offline,stalled", sort: "created_at", limit: "200" },
    { liveness: "offline,stalled", sort: "created_at", limit: "200", cursor: "200" },
    { liveness: "online,late", sort: "trouble", limit: "200" },
    { liveness: "online,late", sort: "trouble", limit: "200", cursor: "200" },
  ]);
});

for (const [name, url] of [["is down", closedPort()], ["redirects", null]] as const) {
  Deno.test(`openclaw fleet --nagios whose server ${name} → UNKNOWN in one line, exit code 3`, async () => {
    using server = startFakeFleet([], {
      instead: () => ({ status: 302, body: "", headers: { location: "http://192.0.2.1/" } }),
    });
    const { code, stdout, stderr } = await fleet(url ?? server.url, "--nagios");
    assert.deepEqual([code, stderr], [3, ""]);
    assert.match(stdout, /^OPENCLAW UNKNOWN - Cannot reach the server [^\n]+\n$/);
  });
}

const refusals: [error: string, status: number, code: number][] = [
  ["operator_required", 401, 3],
  ["forbidden", 403, 3],
  ["not_found", 404, 4],
  ["conflict", 409, 5],
  ["invalid_request", 400, 2],
  ["rate_limited", 429, 6],
  ["unavailable", 503, 6],
  ["internal", 500, 1],
];
for (const [error, status, code] of refusals) {
  Deno.test(`openclaw fleet that is answered ${error} → exit code ${code}, in the server's words`, async () => {
    using server = startFakeFleet([], { instead: () => refuses(error, status) });
    assertRefused(await fleet(server.url), code, new RegExp(`error: Cannot do it: ${error}\n`));
    assert.equal(server.caught.length, 1);
  });
}

const malformed: Record<string, unknown>[] = [
  {},
  { ...emptyPage, agents: [{}] },
  { ...emptyPage, counts: { online: "many" } },
  { ...emptyPage, troubles: { unhealthy: 1 } },
  { ...emptyPage, agents: [fakeAgent(1, { metrics: [] })] },
  { ...emptyPage, next_cursor: 7 },
];
for (const body of malformed) {
  Deno.test(`openclaw fleet that is answered ${JSON.stringify(body).slice(0, 110)} → unreachable, no table`, async () => {
    using server = startFakeFleet([], { instead: () => ours(body) });
    assertRefused(await fleet(server.url), 6, /not this service's \(HTTP 200\)/);
  });
}

Deno.test("openclaw fleet sends its key to nobody to whom it is redirected", async () => {
  using thief = startFakeFleet([]);
  using server = startFakeFleet([], {
    instead: () => ({ status: 307, body: "", headers: { location: `${thief.url}/functions/v1/agents` } }),
  });
  assertRefused(await fleet(server.url), 6, /redirects \(307\)/);
  assert.equal(thief.caught.length, 0);
});

const pluginUsages: [args: string[], message: RegExp][] = [
  [["--check=never"], /'--check \[words\]' argument 'never' is invalid/],
  [["--chekc"], /unknown option '--chekc'/],
  [["--json"], /print different answers/],
  [["--watch"], /--watch does not end with an answer/],
  [["--label", "Role|x:y"], /'--label <key:value>' argument 'Role\?x:y' is invalid/],
  [["one", "two"], /too many arguments/],
];
for (const [args, message] of pluginUsages) {
  Deno.test(`openclaw fleet --nagios ${args.join(" ")} → UNKNOWN in one line, and the server is not asked`, async () => {
    using server = startFakeFleet([]);
    const { code, stdout, stderr } = await fleet(server.url, "--nagios", ...args);
    assert.deepEqual([code, server.caught.length], [3, 0], stderr);
    assert.match(stdout, /^OPENCLAW UNKNOWN - [^\n|]+\n$/);
    assert.match(stdout, message);
    if (args.includes("--json")) assert.equal(JSON.parse(stderr).exit_code, 3);
  });
}

const usages: [args: string[], message: RegExp][] = [
  [["--liveness", "offline,ofline"], /'--liveness <words>' argument 'offline,ofline' is invalid/],
  [["--check=never"], /'--check \[words\]' argument 'never' is invalid/],
  [["--sort", "size"], /'--sort <order>' argument 'size' is invalid/],
  [["--search", ""], /'--search <text>' argument '' is invalid/],
  [["--label", "Role:x"], /'--label <key:value>' argument 'Role:x' is invalid/],
  [["--watch", "0"], /'--watch \[seconds\]' argument '0' is invalid/],
  [["--watch", "--json"], /--watch does not end with an answer/],
  [["--watch"], /stdout is not a terminal/],
  [["--check", "--liveness", "late"], /chosen by --check, not by --liveness/],
  [["--operator-key", operatorKey], /unknown option '--operator-key'/],
];
for (const [args, message] of usages) {
  Deno.test(`openclaw fleet ${args.join(" ").replace(operatorKey, "<key>")} → usage, and the server is not asked`, async () => {
    using server = startFakeFleet([]);
    const { code, stdout, stderr } = await fleet(server.url, ...args);
    assert.deepEqual([code, stdout, server.caught.length], [2, "", 0], stderr);
    if (!args.includes("--json")) assert.match(stderr, message);
    assert.ok(!stderr.includes(operatorKey));
  });
}
