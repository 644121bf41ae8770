import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { fakeAgent, offlineAgent, operatorKey, startFakeFleet } from "../../../_support/fake_fleet.ts";
import { ours } from "../../../_support/fault_server.ts";
import { closedPort } from "../../../_support/port.ts";
import { run } from "../../../_support/program.ts";
import { atTerminal, type Shown, type Step } from "../../../_support/pty.ts";
import { testUnless } from "../../../_support/require.ts";
import { widthOf } from "../../../../cli/terminal/table.ts";
import { showingOf } from "../../../_support/screen.ts";
import { folderInMemory, openclaw, temporaryFolder } from "../../../_support/server.ts";
import { startServerHere } from "../../../_support/server_here.ts";
import { terminal } from "../../../_support/terminal.ts";
import { isInstalled, testWith } from "../../../_support/tools.ts";
import { readerKey } from "../../../_support/vectors.ts";

const restored = "\u001b[?7h\u001b[?25h\u001b[?1049l";

async function top(
  url: string,
  { args = [], env = {}, ...options }: {
    args?: string[];
    columns?: number;
    rows?: number;
    steps?: Step[];
    env?: Record<string, string>;
  } = {},
): Promise<Shown> {
  await using home = await temporaryFolder();
  const { program, args: words } = openclaw(["top", ...args]);
  const all = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey, LANG: "C.UTF-8", ...env };
  return await atTerminal([program, ...words], { home: home.path, ...options, env: all });
}

/** What stood on the screen when the terminal was put back. */
function lastScreen({ text }: Shown): string {
  return showingOf(text.slice(0, text.lastIndexOf(restored))).lines.join("\n");
}

function assertRestored(shown: Shown, code = 0): void {
  assert.deepEqual([shown.code, shown.isRestored], [code, true], shown.text);
  const { isSecond, hasCursor } = showingOf(shown.text);
  assert.deepEqual([isSecond, hasCursor], [false, true]);
}

const ends: [string, Step][] = [
  ["q", ["type", "q"]],
  ["Ctrl-C", ["type", "\u0003"]],
  ["SIGINT", ["signal", "SIGINT"]],
  ["SIGTERM", ["signal", "SIGTERM"]],
  ["SIGHUP", ["signal", "SIGHUP"]],
];
for (const [name, step] of ends) {
  testWith(terminal, `openclaw top shows the fleet, and ${name} puts the terminal back`, async () => {
    using server = startFakeFleet([offlineAgent(1), fakeAgent(2)]);
    const shown = await top(server.url, { steps: [["wait", "1 offline of 2"], step] });
    assertRestored(shown);
    assert.match(lastScreen(shown), /^1 offline of 2\. Updated \d s ago\.$/m);
    assert.match(lastScreen(shown), /^> ✗ offline {2}web-1 {2}silent for 2 h/m);
    assert.equal(
      shown.text.slice(shown.text.lastIndexOf(restored)),
      restored,
      "nothing is left on the screen",
    );
  });
}

testWith(
  terminal,
  "openclaw top asks for a page of 5,000 agents and for their counts, not for all of them",
  async () => {
    const agents = Array.from({ length: 5_000 }, (_, index) => fakeAgent(index));
    using server = startFakeFleet(agents);
    const shown = await top(server.url, { steps: [["wait", "all 5,000 are online"], ["type", "q"]] });
    assertRestored(shown);
    assert.match(lastScreen(shown), /^ {2}all +5,000 ·+/m);
    const paths = server.caught.map(({ path }) => path.replace("/functions/v1/", ""));
    assert.deepEqual([...new Set(paths)].sort(), [
      "agents/map",
      "agents?limit=24&sort=name",
      "incidents?limit=24&state=open",
    ]);
  },
);

testWith(terminal, "openclaw top draws only the lines that changed", async () => {
  let version = "0.1.0";
  using server = startFakeFleet(() => [fakeAgent(1, { version }), fakeAgent(2)], {
    instead: (_, index) => {
      if (index > 3) version = "9.9.9";
      return null;
    },
  });
  const shown = await top(server.url, { steps: [["wait", "Updated"], ["wait", "9.9.9"], ["type", "q"]] });
  assertRestored(shown);
  const frames = shown.text.split("\u001b[?2026h").slice(2);
  const frame = frames.find((one) => one.includes("9.9.9")) ?? "";
  assert.ok(!frame.includes("web-2"), frame);
  assert.ok(!shown.text.includes("\u001b[2J"));
});

testWith(terminal, "openclaw top says what an act will do, does it after y, and once", async () => {
  using server = startFakeFleet([offlineAgent(1)]);
  const acts = (): string[] => server.caught.filter(({ method }) => method !== "GET").map(({ path }) => path);
  const left = await top(server.url, {
    steps: [["wait", "Updated"], ["type", "a"], ["wait", "revoke"], ["type", "4"], ["wait", "y: do it"], [
      "type",
      "n",
    ], [
      "wait",
      "nothing was done",
    ], ["type", "q"]],
  });
  assertRestored(left);
  assert.deepEqual(acts(), []);
  const done = await top(server.url, {
    steps: [["wait", "Updated"], ["type", "a4"], ["wait", "y: do it"], ["type", "y"], [
      "wait",
      'revoked "web-1"',
    ], [
      "type",
      "q",
    ]],
  });
  assertRestored(done);
  assert.deepEqual(acts(), [`/functions/v1/agents/${offlineAgent(1).id}/revoke`]);
});

testWith(
  terminal,
  "openclaw top that is left during an act waits for it and tells what it came to",
  async () => {
    using server = startFakeFleet([offlineAgent(1)], {
      instead: ({ method }) =>
        method === "GET"
          ? null
          : { status: 200, body: JSON.stringify(offlineAgent(1)), afterMilliseconds: 1_000 },
    });
    const steps: Step[] = [["wait", "Updated"], ["type", "a4"], ["wait", "y: do it"], ["type", "yq"]];
    const shown = await top(server.url, { steps });
    assertRestored(shown);
    const after = shown.text.slice(shown.text.lastIndexOf(restored));
    assert.match(after, /waiting for what was begun: revoke, "web-1"\r\nrevoked "web-1"\r\n$/);
  },
);

testWith(terminal, "openclaw top with a reader's key offers no act", async () => {
  using server = startFakeFleet([offlineAgent(1)], {
    accepts: ({ headers }) => headers.includes(`apikey: ${readerKey}`),
  });
  const shown = await top(server.url, {
    env: { OPENCLAW_OPERATOR_KEY: readerKey },
    steps: [["wait", "Updated"], ["type", "a"], ["wait", "a reader's key changes nothing"], ["type", "q"]],
  });
  assertRestored(shown);
  assert.doesNotMatch(stripVTControlCharacters(shown.text), /a act/);
  assert.ok(server.caught.every(({ method }) => method === "GET"));
});

testWith(
  terminal,
  "openclaw top keeps what it saw while the server is gone, says since when, and comes back",
  async () => {
    let first: number | null = null;
    using server = startFakeFleet([offlineAgent(1)], {
      // 9 s pass here: that is what is promised.
      instead() {
        first ??= performance.now();
        return performance.now() - first > 3000 ? { status: 503, body: "no" } : null;
      },
    });
    const shown = await top(server.url, {
      steps: [["wait", "Updated"], ["wait", "the last look failed"], ["wait", "NOT UP TO DATE since"], [
        "type",
        "q",
      ]],
    });
    assertRestored(shown);
    assert.match(lastScreen(shown), /✗ offline {2}web-1/);
    assert.match(lastScreen(shown), /NOT UP TO DATE since \d\d:\d\d:\d\d, (9|10) s ago/);
  },
);

testWith(
  terminal,
  "openclaw top waits for a server that is not there yet, and a filter that it refuses can be mended",
  async () => {
    using server = startFakeFleet([offlineAgent(1)], {
      instead: ({ path }, index) => {
        if (index < 3) return { status: 503, body: "no" };
        const error = { error: "invalid_request", error_description: "q is too odd", request_id: "r" };
        return path.includes("q=odd") ? ours(error, 400) : null;
      },
    });
    const steps: Step[] = [
      ["wait", "No answer yet"],
      ["wait", "1 offline of 1"],
      ["type", "/odd\r"],
      [
        "wait",
        "q is too odd",
      ],
      ["type", "/\u0015web\r"],
      ["wait", "Updated 0 s ago."],
      ["type", "q"],
    ];
    const shown = await top(server.url, { steps });
    assertRestored(shown);
    assert.match(lastScreen(shown), /^only web$/m);
  },
);

testWith(
  terminal,
  "openclaw top that is refused puts the terminal back, then says why, with exit code 3",
  async () => {
    using server = startFakeFleet([fakeAgent(1)], { accepts: () => false });
    const shown = await top(server.url);
    assertRestored(shown, 3);
    assert.match(shown.text.slice(shown.text.lastIndexOf(restored)), /error:.+operator_required/);
  },
);

testWith(terminal, "openclaw top over a server without a map says so, and shows the rest", async () => {
  using server = startFakeFleet([offlineAgent(1)], {
    instead: ({ path }) =>
      path.includes("agents/map")
        ? ours({ error: "not_found", error_description: "There is none", request_id: "r" }, 404)
        : null,
  });
  const shown = await top(server.url, { steps: [["wait", "this server has no map"], ["type", "q"]] });
  assertRestored(shown);
  assert.match(lastScreen(shown), /✗ offline {2}web-1/);
});

testWith(terminal, "openclaw top shows no color with NO_COLOR, and ASCII without UTF-8", async () => {
  using server = startFakeFleet([offlineAgent(1), fakeAgent(2, { name: "Zoë" })]);
  // deno-lint-ignore no-control-regex -- what paints a terminal begins with one
  const colour = /\u001b\[[\d;]*m/;
  const steps: Step[] = [["wait", "Updated"], ["type", "q"]];
  assert.match((await top(server.url, { steps })).text, colour);
  const plain = await top(server.url, { steps, env: { NO_COLOR: "1", LC_ALL: "C" } });
  assertRestored(plain);
  assert.doesNotMatch(plain.text, colour);
  assert.match(lastScreen(plain), /^> x offline {2}web-1/m);
  assert.match(lastScreen(plain), /Zo\?/);
});

const canStop = Deno.version.deno.startsWith("2.4.") || !isInstalled("python3") || Deno.build.os === "windows"
  ? "a program that may stop itself"
  : null;
testUnless(canStop, "openclaw top that is suspended puts the terminal back until it goes on", async () => {
  using server = startFakeFleet([offlineAgent(1)]);
  const shown = await top(server.url, {
    steps: [
      ["wait", "Updated"],
      ["signal", "SIGTSTP"],
      ["wait", restored],
      ["signal", "SIGCONT"],
      [
        "wait",
        "1 offline of 1",
      ],
      ["wait", "Updated"],
      ["type", "q"],
    ],
  });
  assertRestored(shown);
  const between = shown.text.slice(shown.text.indexOf(restored) + restored.length);
  assert.ok(between.startsWith("\u001b[?1049h"), "nothing is drawn while it is suspended");
});

const resizes: [columns: number, rows: number][] = [[40, 15], [200, 50], [20, 5]];
testWith(terminal, "openclaw top fits a terminal whose size changes", async () => {
  using server = startFakeFleet([offlineAgent(1), fakeAgent(2)]);
  const steps = resizes.flatMap((
    [columns, rows],
  ): Step[] => [["resize", columns, rows], ["wait", "\u001b[1;1H"]]);
  const shown = await top(server.url, { steps: [["wait", "Updated"], ...steps, ["type", "q"]] });
  assertRestored(shown);
  const drawn = shown.text.slice(shown.text.lastIndexOf("\u001b[1;1H"), shown.text.lastIndexOf(restored));
  const { lines } = showingOf(`\u001b[?1049h${drawn}`);
  assert.match(lines.join("\n"), /^1 offline of 2\.$/m);
  for (const line of lines) assert.ok(widthOf(line) <= 20, line);
  assert.ok(lines.length <= 5);
});

const refusals: [string, { env?: Record<string, string>; args?: string[] }, RegExp][] = [
  ["on a dumb terminal", { env: { TERM: "dumb" } }, /TERM=dumb\)\r\n.*hint:.* fleet\r\n$/],
  [
    "with a filter that cannot be read",
    { args: ["liveness=dead"] },
    /liveness takes offline,[^]*hint:.* top web/,
  ],
  ["with a group that is no key", { args: ["--group", "a b"] }, /Expected the key of a label/],
];
for (const [name, options, says] of refusals) {
  testWith(terminal, `openclaw top ${name} → usage, and nothing is drawn`, async () => {
    const { code, text } = await top(closedPort(), options);
    assert.equal(code, 2, text);
    assert.match(text, says);
    assert.ok(!text.includes("\u001b[?1049h"));
  });
}

Deno.test("openclaw top without a terminal → usage that names the command for it", async () => {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_URL: closedPort(), OPENCLAW_OPERATOR_KEY: operatorKey };
  const { code, stdout, stderr } = await run(["top"], { home: home.path, env });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^error: Cannot show the fleet live: stdout is not a terminal\nhint: .*openclaw\S* fleet --json\n$/,
  );
});

testWith(
  terminal,
  "openclaw top over a real server has the map by a label, and mutes an agent",
  async () => {
    await using data = await folderInMemory();
    await using server = await startServerHere({ data: data.path });
    for (const [name, site] of [["web-1", "Linz"], ["web-2", "Wien"]]) {
      const body = JSON.stringify({ name, labels: { site } });
      const headers = { apikey: server.operatorKey };
      await (await fetch(`${server.base}/create-agent`, { method: "POST", headers, body })).body?.cancel();
    }
    const shown = await top(server.url, {
      args: ["--group", "site"],
      env: { OPENCLAW_OPERATOR_KEY: server.operatorKey },
      steps: [
        ["wait", "2 agents: 2 pending"],
        ["type", "a1"],
        ["wait", "mute "],
        ["type", "2h\r"],
        [
          "wait",
          "y: do it",
        ],
        ["type", "y"],
        ["wait", 'muted "web-1" until'],
        ["wait", "muted for"],
        ["type", "q"],
      ],
    });
    assertRestored(shown);
    assert.match(lastScreen(shown), /^ {2}Linz +1 \?$/m);
    assert.match(lastScreen(shown), /^ {2}\? pending$/m);
    const rows = await server.sql("select name from public.agents where muted_until > now()");
    assert.deepEqual(rows, [{ name: "web-1" }]);
  },
);
