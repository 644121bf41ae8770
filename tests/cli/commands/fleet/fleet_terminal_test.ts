import assert from "node:assert/strict";
import { widthOf } from "../../../../cli/terminal/table.ts";
import {
  emptyPage,
  fakeAgent,
  offlineAgent,
  operatorKey,
  queriesOf,
  startFakeFleet,
} from "../../../_support/fake_fleet.ts";
import { atTerminal, type Shown, type Step } from "../../../_support/pty.ts";
import { showingOf } from "../../../_support/screen.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { ours } from "../../../_support/fault_server.ts";

const terminal = Deno.build.os === "windows" ? ["the terminals of Unix"] : ["python3"];
// deno-lint-ignore no-control-regex -- what paints a terminal begins with one
const colour = /\u001b\[\d+m/;
// deno-lint-ignore no-control-regex -- the same
const sequences = /\u001b\[[?\d;]*[A-Za-z]/g;
// deno-lint-ignore no-control-regex -- what a terminal would act on, but for line ends
const unshown = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u202e\u061c]/;
const hostile = [
  offlineAgent(1, {
    name: `\u001b[2J\u202e\u061c<script>${"🦞".repeat(100)}`,
    hostname: "日本語".repeat(40),
  }),
  fakeAgent(2, { liveness: "late", message: "a\nb\u0007", status: "degraded", version: "9".repeat(200) }),
  fakeAgent(3, { rotation: "unsupported", clock_offset_seconds: -400, refused_handshakes_count: 12 }),
];

async function fleet(
  url: string,
  { args = [], ...options }: {
    args?: string[];
    columns?: number;
    rows?: number;
    steps?: Step[];
    env?: Record<string, string>;
  } = {},
): Promise<Shown> {
  await using home = await temporaryFolder();
  const { program, args: words } = openclaw(["fleet", ...args]);
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey, ...options.env };
  return await atTerminal([program, ...words], { home: home.path, ...options, env });
}

function linesOf(text: string): string[] {
  return text.replace(sequences, "").split(/\r\n|\n/);
}

for (const columns of [80, 200, 20]) {
  testWith(
    terminal,
    `openclaw fleet fits a terminal of ${columns} columns, whatever the agents are called`,
    async () => {
      using server = startFakeFleet(hostile);
      const { code, text, isRestored } = await fleet(server.url, { columns });
      assert.deepEqual([code, isRestored], [0, true], text);
      for (const line of linesOf(text)) assert.ok(widthOf(line) <= columns, `${widthOf(line)}: ${line}`);
      assert.doesNotMatch(text.replace(sequences, ""), unshown);
      assert.match(text, /✗ offline/);
      if (columns === 20) return;
      assert.match(text, /<script>/);
      assert.match(text, /1 offline, 1 late of 3: look first at/);
    },
  );
}

testWith(
  terminal,
  "openclaw fleet paints on a terminal, not with NO_COLOR, and tells liveness by a sign without color",
  async () => {
    using server = startFakeFleet([offlineAgent(1), fakeAgent(2)]);
    assert.match((await fleet(server.url)).text, colour);
    const plain = (await fleet(server.url, { env: { NO_COLOR: "1" } })).text;
    assert.doesNotMatch(plain, colour);
    assert.match(plain, /^✗ offline {2}web-1 /m);
    assert.match(plain, /^✓ online {3}web-2 /m);
  },
);

testWith(
  terminal,
  "openclaw fleet of 50,000 agents shows its first screen after one request, and q leaves",
  async () => {
    const agents = Array.from({ length: 50_000 }, (_, index) => fakeAgent(index));
    using server = startFakeFleet(agents);
    const { code, text, isRestored } = await fleet(server.url, {
      steps: [["wait", "-- more"], ["type", "q"]],
    });
    assert.deepEqual([code, isRestored], [0, true], text);
    assert.match(text, /all 50,000 are online/);
    assert.equal(linesOf(text).filter((line) => line.includes("host-")).length, 20);
    assert.deepEqual(queriesOf(server), [{ limit: "200" }]);
  },
);

testWith(
  terminal,
  "openclaw fleet goes on by a screen with space and by a line with Enter, to the last agent",
  async () => {
    using server = startFakeFleet(Array.from({ length: 45 }, (_, index) => fakeAgent(index)));
    const steps: Step[] = [["wait", "-- more"], ["type", " "], ["wait", "-- more"], ["type", "\r"], [
      "wait",
      "-- more",
    ], [
      "type",
      " ",
    ]];
    const { code, text, isRestored } = await fleet(server.url, { steps });
    assert.deepEqual([code, isRestored], [0, true], text);
    const shown = [...text.matchAll(/host-(\d+)/g)].map(([, number]) => Number(number));
    assert.deepEqual(shown, Array.from({ length: 45 }, (_, index) => index));
  },
);

for (
  const [name, step] of [["Ctrl-C", ["type", "\u0003"]], ["SIGTERM", ["signal", "SIGTERM"]]] as [
    string,
    Step,
  ][]
) {
  testWith(
    terminal,
    `openclaw fleet that is left by ${name} between two screens puts the terminal back`,
    async () => {
      using server = startFakeFleet(Array.from({ length: 60 }, (_, index) => fakeAgent(index)));
      const { code, text, isRestored } = await fleet(server.url, { steps: [["wait", "-- more"], step] });
      assert.deepEqual([code, isRestored], [0, true], text);
      assert.equal(server.caught.length, 1);
    },
  );
}

const restored = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const ends: [string, Step][] = [
  ["q", ["type", "q"]],
  ["Ctrl-C", ["type", "\u0003"]],
  ["SIGINT", ["signal", "SIGINT"]],
  ["SIGTERM", ["signal", "SIGTERM"]],
  ["SIGHUP", ["signal", "SIGHUP"]],
];
for (const [name, step] of ends) {
  testWith(
    terminal,
    `openclaw fleet --watch shows changes without clearing the screen, and ${name} puts the terminal back`,
    async () => {
      let agents = [fakeAgent(1)];
      using server = startFakeFleet(() => agents, {
        instead: (_, index) => {
          if (index === 1) agents = [offlineAgent(1)];
          return null;
        },
      });
      const steps: Step[] = [["wait", "✓ online"], ["wait", "✗ offline"], step];
      const { code, text, isRestored } = await fleet(server.url, { args: ["--watch", "1"], steps });
      assert.deepEqual([code, isRestored], [0, true], text);
      assert.ok(text.endsWith(restored), JSON.stringify(text.slice(-80)));
      assert.ok(text.includes("\u001b[?1049h") && !text.includes("\u001b[2J"));
    },
  );
}

testWith(
  terminal,
  "openclaw fleet --watch keeps what it saw during an outage, says so, and goes on after it",
  async () => {
    using server = startFakeFleet([offlineAgent(1)], {
      instead: (_, index) => index === 1 ? { status: 503, body: "no" } : null,
    });
    const steps: Step[] = [["wait", "✗ offline"], ["wait", "no answer for 0 s"], ["wait", "leave: q"], [
      "type",
      "q",
    ]];
    const { code, text } = await fleet(server.url, { args: ["--watch=1"], steps });
    assert.equal(code, 0, text);
    const saidSo = showingOf(text.slice(0, text.indexOf("no answer") + 80)).lines;
    assert.match(saidSo.join("\n"), /✗ offline[^]*^no answer for 0 s/m);
    assert.match(
      showingOf(text.slice(0, text.lastIndexOf(restored))).lines.join("\n"),
      /✗ offline[^]*^leave: q/m,
    );
  },
);

testWith(
  terminal,
  "openclaw fleet --watch that is refused puts the terminal back, then says why, with exit code 3",
  async () => {
    using server = startFakeFleet([fakeAgent(1)], { accepts: () => false });
    const { code, text, isRestored } = await fleet(server.url, { args: ["--watch"] });
    assert.deepEqual([code, isRestored], [3, true], text);
    assert.match(text.slice(text.indexOf(restored)), /error:.+operator_required/);
  },
);

testWith(terminal, "openclaw fleet --watch fits a terminal that gets narrower", async () => {
  using server = startFakeFleet(hostile);
  const steps: Step[] = [
    ["wait", "✗ offline"],
    ["wait", "leave: q"],
    ["resize", 50, 10],
    ["wait", "leave: q"],
    ["type", "q"],
  ];
  const { code, text } = await fleet(server.url, { args: ["--watch", "60"], columns: 120, steps });
  assert.equal(code, 0, text);
  const last = text.slice(text.lastIndexOf("\u001b[1;1H"));
  assert.match(last, /leave: q/);
  for (const line of showingOf(`\u001b[?1049h${last.split(restored)[0]}`).lines) {
    assert.ok(widthOf(line) <= 50, line);
  }
});

testWith(terminal, "openclaw fleet on a dumb terminal prints everything, and cannot watch", async () => {
  using server = startFakeFleet(Array.from({ length: 60 }, (_, index) => fakeAgent(index)));
  const { code, text } = await fleet(server.url, { env: { TERM: "dumb" } });
  assert.equal(code, 0, text);
  assert.match(text, /host-59/);
  const watched = await fleet(server.url, { args: ["--watch"], env: { TERM: "dumb" } });
  assert.equal(watched.code, 2, watched.text);
});

testWith(terminal, "openclaw fleet without agents says how to make one, and shows no table", async () => {
  using server = startFakeFleet([], {
    instead: () => ours(emptyPage),
  });
  const { code, text } = await fleet(server.url);
  assert.equal(code, 0, text);
  assert.match(text, /^no agents: make the first one with: .*agents create <name>\r\n$/);
});
