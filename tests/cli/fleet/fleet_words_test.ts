import assert from "node:assert/strict";
import type { Agent } from "../../../cli/api/operator/agents.ts";
import { choicesFor, choicesForIncident } from "../../../cli/fleet/acts.ts";
import { formatQuery, parseQuery } from "../../../cli/fleet/query.ts";
import { reasonOf } from "../../../cli/fleet/reason.ts";
import { type Counted, countedText, fleetSentence } from "../../../cli/fleet/sentence.ts";
import { fakeAgent, offlineAgent, serverTime } from "../../_support/fake_fleet.ts";

const now = Date.parse(serverTime);
const copy = { instance_id: "i", hostname: "clone-7", address: "192.0.2.7", last_seen_at: serverTime };

function agent(more: Record<string, unknown> = {}): Agent {
  return fakeAgent(1, more) as unknown as Agent;
}

const sentences: [Counted["counts"], Counted["troubles"], string][] = [
  [
    { offline: 3, late: 2, online: 48_196 },
    { unhealthy: 0, copies: 1 },
    "3 offline, 2 late, 1 copy of 48,201",
  ],
  [
    { stalled: 1_000, online: 4 },
    { unhealthy: 2, copies: 2 },
    "1,000 stalled, 2 unhealthy, 2 copies of 1,004",
  ],
  [{ online: 40 }, { unhealthy: 0, copies: 0 }, "all 40 are online"],
  [{ online: 1 }, { unhealthy: 0, copies: 0 }, "the only one is online"],
  [{ online: 1_200, stopped: 1 }, { unhealthy: 0, copies: 0 }, "1,201 agents: 1,200 online, 1 stopped"],
  [{}, { unhealthy: 0, copies: 0 }, "no agents"],
];
for (const [counts, troubles, sentence] of sentences) {
  Deno.test(`a fleet in one sentence: ${sentence}`, () => {
    assert.equal(fleetSentence({ counts, troubles }), sentence);
  });
}

Deno.test("every liveness is counted, the worst first", () => {
  const counts = { revoked: 1, stopped: 2, pending: 3, online: 4_000, late: 5, stalled: 6, offline: 7 };
  assert.equal(
    countedText(counts),
    "4,024 agents: 7 offline, 6 stalled, 5 late, 4,000 online, 3 pending, 2 stopped, 1 revoked",
  );
});

const reasons: [Record<string, unknown>, string | null][] = [
  [{ ...offlineAgent(1) }, "silent for 2 h"],
  [{ liveness: "offline", last_seen_at: null }, "silent for ever"],
  [{ liveness: "late", last_seen_at: "2026-11-23T11:58:20Z" }, "silent for 100 s"],
  [{ liveness: "late", status: "unhealthy", message: "no\ndisk" }, "says that it is unhealthy: no disk"],
  [{ status: "unhealthy" }, "says that it is unhealthy"],
  [{ liveness: "stalled", last_progress_at: "2026-11-23T11:48:00Z" }, "its work stands still for 12 min"],
  [{ copies: [copy] }, "a copy beats from clone-7"],
  [{ liveness: "late", copies: [copy, copy] }, "2 copies, one on clone-7"],
  [{ liveness: "revoked", copies: [copy] }, null],
  [{ liveness: "stopped", status: "unhealthy" }, null],
  [{}, null],
];
for (const [more, reason] of reasons) {
  Deno.test(`why an agent needs a look: ${reason ?? `nothing, ${JSON.stringify(more)}`}`, () => {
    assert.equal(reasonOf(agent(more), now), reason);
  });
}

const queries: [string, ReturnType<typeof parseQuery>][] = [
  ["", {}],
  ["web 1", { q: "web 1" }],
  ["web liveness=offline,late label=role:web label=site sort=-name", {
    q: "web",
    liveness: ["offline", "late"],
    label: ["role:web", "site"],
    sort: "-name",
  }],
  ['"label=site:New York" "a ""b"""', { q: 'a "b"', label: ["site:New York"] }],
  ["?q=a%20b&label=site%3ANew+York&page=2", { q: "a b", label: ["site:New York"] }],
  ["q=?", { q: "?" }],
];
for (const [text, query] of queries) {
  Deno.test(`what is typed to find agents is read, and written so that it is read again: ${text}`, () => {
    const read = parseQuery(text);
    assert.deepEqual(read, query);
    assert.ok(typeof read !== "string");
    assert.deepEqual(parseQuery(formatQuery(read)), query);
  });
}

for (
  const [text, says] of [
    ["liveness=dead", /^liveness takes offline,.+, not "dead"$/],
    ["liveness=", /not ""$/],
    ["sort=size", /^sort takes trouble, /],
    ["label=:x", /neither key nor key:value$/],
    ["hostname=web", /^there is no hostname=: the words are q, liveness, label and sort$/],
    ["x".repeat(256), /255 characters at most$/],
  ] as const
) {
  Deno.test(`what cannot be looked for is told in a sentence: ${text.slice(0, 20)}`, () => {
    assert.match(String(parseQuery(text)), says);
  });
}

const acts: [Record<string, unknown>, string[]][] = [
  [{}, ["mute", "end-sessions", "request-rotation", "revoke"]],
  [{ rotation: "unsupported" }, ["mute", "end-sessions", "revoke"]],
  [{ muted_until: "2026-11-24T00:00:00Z" }, ["unmute", "end-sessions", "request-rotation", "revoke"]],
  [{ copies: [copy] }, ["adopt", "revoke-copy", "mute", "end-sessions", "request-rotation", "revoke"]],
  [{ liveness: "revoked", revoked_at: serverTime, copies: [copy] }, ["mute", "restore"]],
];
for (const [more, names] of acts) {
  Deno.test(`what can be done about an agent ${JSON.stringify(more)}: ${names.join(", ")}`, () => {
    assert.deepEqual(choicesFor(agent(more), now).map(({ act }) => act), names);
  });
}

Deno.test("only an open incident that nobody acknowledged can be acknowledged", () => {
  const incident = { closed_at: null, acknowledged_at: null } as Parameters<typeof choicesForIncident>[0];
  const times = [incident, { ...incident, closed_at: serverTime }, {
    ...incident,
    acknowledged_at: serverTime,
  }];
  assert.deepEqual(times.map((one) => choicesForIncident(one).length), [1, 0, 0]);
});
