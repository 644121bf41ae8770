import assert from "node:assert/strict";
import type { Agent } from "../../../../../cli/api/operator/agents.ts";
import { ageOf, draw } from "../../../../../cli/commands/fleet/top/_draw.ts";
import { share } from "../../../../../cli/commands/fleet/top/_parts.ts";
import { type Look, type Part, parts, type State } from "../../../../../cli/commands/fleet/top/_state.ts";
import { update } from "../../../../../cli/commands/fleet/top/_update.ts";
import { widthOf } from "../../../../../cli/terminal/table.ts";
import { offlineAgent, serverTime } from "../../../../_support/fake_fleet.ts";
import { agentOf, incidentOf, lookOf, momentAt, stateOf } from "../../../../_support/top_look.ts";

const now = Date.parse(serverTime);
// deno-lint-ignore no-control-regex -- what a terminal would act on
const unshown = /[\u0000-\u001f\u202e\u061c\u200f]/;
const hostileName = "\u001b[2J\u202e<script>🦞日本語".repeat(20);
/** As the reader of replies leaves it, which has taken out what a terminal acts on. */
const hostile = [
  agentOf(
    1,
    offlineAgent(1, { name: `?[2J?<script>${"🦞日本語".repeat(20)}`, hostname: "\u0301".repeat(60) }),
  ),
  agentOf(2, { liveness: "late", status: "unhealthy", message: "a\nb", labels: { site: "日本".repeat(60) } }),
  agentOf(3, { name: "👨‍👩‍👧‍👦".repeat(30), version: "9".repeat(200) }),
];
const copy = { instance_id: "i", hostname: "clone", address: "192.0.2.7", last_seen_at: serverTime };
const fleet = [
  agentOf(1, offlineAgent(1)),
  agentOf(2, offlineAgent(2)),
  agentOf(3, { copies: [copy] }),
  agentOf(4, { liveness: "late", last_seen_at: "2026-11-23T11:58:20Z" }),
  ...Array.from({ length: 60 }, (_, index) => agentOf(index + 10)),
];

function seeing(agents: readonly Agent[], more: Partial<Look> = {}, from: State = stateOf()): State {
  return update(from, { kind: "look", look: lookOf(from, agents, more) });
}

function press(state: State, ...keys: string[]): State {
  return keys.reduce((before, key) => update(before, { kind: "key", key, now }), state);
}

function linesOf(state: State, { columns = 80, rows = 24, at = 2_000, isPlain = false } = {}): string[] {
  return draw(state, { size: { columns, rows }, now: momentAt(at), isPlain });
}

function textOf(...args: Parameters<typeof linesOf>): string {
  return linesOf(...args).join("\n");
}

Deno.test("the screen has a sentence, trouble with reasons, the map, the list, incidents and the keys", () => {
  const text = textOf(seeing(fleet, { incidents: { rows: [incidentOf()], next: null } }));
  assert.match(text, /^2 offline, 1 late, 1 copy of 64\. Updated 2 s ago\.$/m);
  assert.match(text, /^1 TROUBLE, the worst first *$/m);
  assert.match(text, /^> ✗ offline {2}web-1 {2}silent for 2 h +since \d\d:\d\d {2}seen 2 h ago$/m);
  assert.match(text, /^ {2}✓ online {3}web-3 {2}a copy beats from clone/m);
  assert.match(text, /^2 MAP$/m);
  assert.match(text, /^ {2}all {4}64 ✗✗~·{61}$/m);
  assert.match(text, /^ {2}✗ offline {2}~ late {2}· online$/m);
  assert.match(text, /^3 AGENTS by name$/m);
  assert.match(text, /^4 INCIDENTS that are open$/m);
  assert.match(text, /^ {2}offline {2}3 agents .*12 min {2}open/m);
  assert.match(text, /\? help .* q quit$/);
});

Deno.test("a fleet that is well is quiet: no trouble, no incidents", () => {
  const text = textOf(seeing([agentOf(1), agentOf(2)]));
  assert.match(text, /^all 2 are online\. Updated 2 s ago\.$/m);
  assert.doesNotMatch(text, /TROUBLE|INCIDENTS/);
  assert.match(textOf(press(seeing([agentOf(1)]), "1")), /^1 TROUBLE[^]*^ {2}none$/m);
});

const boxes: [string, string[]][] = [
  ["the parts", []],
  ["the map", ["2"]],
  ["the list", ["3"]],
  ["incidents", ["4"]],
  ["help", ["?"]],
  ["details", ["enter"]],
  ["an incident's details", ["4", "enter"]],
  ["acts", ["a"]],
  ["a question", ["a", "2"]],
  ["a filter", ["/", ...hostileName.slice(0, 120)]],
  ["a fault", ["/", "l", "i", "v", "e", "n", "e", "s", "s", "=", ..."x".repeat(300), "enter"]],
];
for (const columns of [200, 80, 40, 20, 3]) {
  for (const rows of [50, 24, 8, 3]) {
    Deno.test(`each screen fits ${columns} by ${rows}, whatever the agents are called`, () => {
      const delivery = {
        channel_name: "日本".repeat(40),
        type: "incident.opened",
        state: "failed",
        attempts: 3,
        last_answer: "x".repeat(400),
        created_at: serverTime,
        delivered_at: null,
      };
      const incidents = { rows: [incidentOf({ deliveries: [delivery] })], next: null };
      for (const [name, keys] of boxes) {
        for (const at of [2_000, 60_000]) {
          const state = press(seeing(hostile, { incidents }), ...keys);
          const lines = linesOf(state, { columns, rows, at });
          assert.ok(lines.length <= rows, name);
          for (const line of lines) {
            assert.ok(widthOf(line) <= columns, `${name}: ${widthOf(line)}: ${line}`);
            assert.doesNotMatch(line, unshown, name);
          }
        }
      }
    });
  }
}

Deno.test("what is older than 9 s is not shown as what is, by the clock that counted more", () => {
  const state = seeing(fleet);
  assert.match(textOf(state, { at: 8_900 }), /Updated 9 s ago\./);
  assert.match(
    textOf(state, { at: 9_000 }).replaceAll("\n", " "),
    /NOT UP TO DATE since \d\d:\d\d:\d\d, 9 s ago: no answer yet/,
  );
  const failed = update(state, { kind: "failure", reason: "Connection refused" });
  const soon = textOf(failed, { at: 3_000 }).replaceAll("\n", " ");
  assert.match(soon, /Updated 3 s ago; the last look failed: Connection refused/);
  assert.match(textOf(failed, { at: 30_000 }).replaceAll("\n", " "), /30 s ago: Connection refused/);
  const at = { monotonic: 1_000, wall: 1_000 };
  assert.equal(ageOf(at, { monotonic: 2_000, wall: 3_601_000 }), 3_600, "the host slept");
  assert.equal(ageOf(at, { monotonic: 61_000, wall: -5_000 }), 60, "the clock was set back");
});

Deno.test("before the first answer the screen says so, and why there is none", () => {
  assert.match(textOf(stateOf()), /^asking the server …/);
  const failed = update(stateOf(), { kind: "failure", reason: "Connection refused" });
  assert.match(textOf(failed), /^No answer yet: Connection refused\. It is asked again\./);
});

Deno.test("ages are those of the look: they do not go on while nobody knows", () => {
  const late = [agentOf(4, { liveness: "late", last_seen_at: "2026-11-23T11:58:20Z" })];
  assert.match(textOf(seeing(late), { at: 600_000 }), /silent for 100 s/);
});

Deno.test("without UTF-8 all is ASCII", () => {
  for (const [name, keys] of boxes) {
    // deno-lint-ignore no-control-regex -- all of ASCII
    assert.match(textOf(press(seeing(hostile), ...keys), { isPlain: true }), /^[\u0000-\u007f]*$/, name);
  }
  assert.match(textOf(seeing(fleet), { isPlain: true }), /^ {2}all {4}64 xx~\.{61}$/m);
});

Deno.test("a map that does not fit has a row for each group, the worst group first, and says that it is cut", () => {
  const count = 5_000;
  const groups = [{ name: "Graz", count }, { name: "Linz", count }, { name: null, count }];
  const cells = "2".repeat(count) + `0${"2".repeat(count - 1)}` + "2".repeat(count);
  const words = ["offline", "late", "online"];
  const map = { words, cells, groups, server_time: serverTime };
  const state = press(seeing(fleet, { map }, stateOf({ group: "site" })), "3");
  const lines = linesOf(state, { rows: 30 }).slice(0, 18);
  const [linz, graz, none] = ["Linz", "Graz", "(none)"].map((name) =>
    lines.findIndex((one) => one.includes(name))
  );
  assert.ok(linz !== undefined && graz !== undefined && none !== undefined);
  assert.ok(0 < linz && linz < graz && graz < none, lines.join("\n"));
  assert.match(lines[linz] ?? "", /^ {2}Linz {3}5,000 ✗·+…?$/);
  assert.match(lines[none] ?? "", /·…$/);
  assert.match(textOf(state), /online {2}and 1 more group$/m);
});

Deno.test("a fleet without agents says how to make one, and a filter that none fits does not", () => {
  assert.match(textOf(seeing([]), { columns: 120 }), /make the first one with: .*agents create <name>/);
  assert.match(textOf(seeing([], {}, stateOf({ query: { q: "x" } }))), /^ {2}no agent fits$/m);
});

Deno.test("a server that has no map says so in its place", () => {
  assert.match(textOf(seeing(fleet, { map: null })), /this server has no map: upgrade it/);
});

Deno.test("a reader sees no key that acts, neither below the screen nor in the help", () => {
  const reader = stateOf({ isReader: true });
  for (const keys of [[], ["?"], ["enter"]]) {
    const text = textOf(press(seeing(fleet, {}, reader), ...keys));
    assert.doesNotMatch(text, /a act|\bact on/);
  }
  assert.match(textOf(press(seeing(fleet, {}, reader), "?")), /This is a reader's key/);
  assert.match(textOf(press(seeing(fleet), "?")), /act on the agent or incident/);
});

Deno.test("the question before an act names the agent and its id, and says what the act will do", () => {
  const text = textOf(press(seeing(fleet), "a", "4"));
  assert.match(text, /^revoke: "web-1"\?/m);
  assert.match(text, /00000000-0000-4000-8000-000000000001/);
  assert.match(text, /Its sessions end with its next beat/);
  assert.match(text, /^ {2}y: do it\. Any other key: leave it\.$/m);
});

for (
  const [rows, focus] of [[20, "trouble"], [20, "list"], [40, "map"], [7, "incidents"], [1, "list"]] as const
) {
  Deno.test(`the parts share ${rows} rows, and ${focus} has most of them`, () => {
    const wanted = new Map<Part, number>([["trouble", 200], ["map", 70], ["list", 52], ["incidents", 3]]);
    const shares = share(rows, { wanted, focus });
    const total = [...shares.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(total <= rows);
    const own = shares.get(focus) ?? 0;
    for (const part of parts) {
      const isMore = part === focus || own >= (shares.get(part) ?? 0) || own >= (wanted.get(focus) ?? 0);
      assert.ok(isMore, `${part} has ${shares.get(part)}, ${focus} ${own}`);
    }
  });
}
