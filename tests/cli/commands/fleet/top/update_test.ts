import assert from "node:assert/strict";
import { mutedUntil } from "../../../../../cli/commands/fleet/top/_mute.ts";
import { chosen, isTurning, type State, wantedOf } from "../../../../../cli/commands/fleet/top/_state.ts";
import { update } from "../../../../../cli/commands/fleet/top/_update.ts";
import { offlineAgent, serverTime } from "../../../../_support/fake_fleet.ts";
import { agentOf, incidentOf, lookOf, stateOf } from "../../../../_support/top_look.ts";

const now = Date.parse(serverTime);
const sound = [agentOf(1), agentOf(2), agentOf(3)];
const sick = agentOf(9, offlineAgent(9));

function press(state: State, ...keys: string[]): State {
  return keys.reduce((before, key) => update(before, { kind: "key", key, now }), state);
}

function type(state: State, text: string): State {
  return press(state, ...text);
}

/** The state after a first look at these agents. */
function seeing(agents = sound, more: Partial<Parameters<typeof lookOf>[2]> = {}, from = stateOf()): State {
  return update(from, { kind: "look", look: lookOf(from, agents, more) });
}

function nameOfChosen(state: State): string | null {
  const target = chosen(state);
  return target?.kind === "agent" ? target.agent.name : target?.incident.id ?? null;
}

Deno.test("who comes to a sound fleet begins in the list, and to one in trouble at the worst", () => {
  assert.deepEqual([seeing().focus, nameOfChosen(seeing())], ["list", "web-1"]);
  const state = seeing([...sound, sick]);
  assert.deepEqual([state.focus, nameOfChosen(state)], ["trouble", "web-9"]);
});

Deno.test("the arrows stay within the rows, and the chosen agent is followed to its new place", () => {
  const down = press(seeing(), "down", "j", "down", "down");
  assert.equal(nameOfChosen(down), "web-3");
  const moved = update(down, { kind: "look", look: lookOf(down, [sound[2] ?? sick, ...sound.slice(0, 2)]) });
  assert.equal(nameOfChosen(moved), "web-3");
  assert.equal(moved.places.list.index, 0);
  const gone = update(moved, { kind: "look", look: lookOf(moved, sound.slice(0, 2)) });
  assert.equal(nameOfChosen(gone), "web-1");
  assert.equal(nameOfChosen(press(down, "home")), "web-1");
  assert.equal(nameOfChosen(press(down, "up", "k", "up", "up")), "web-1");
});

Deno.test("behind the last row is the next page, and before its first one the page before; meanwhile nothing is chosen", () => {
  const first = seeing(sound, { list: { rows: sound, next: "c1" } });
  const turning = press(first, "end", "down");
  assert.equal(wantedOf(turning).cursors.list, "c1");
  assert.equal(isTurning(turning), true);
  assert.equal(chosen(turning), null);
  assert.equal(press(turning, "enter").box, null);
  const second = update(turning, { kind: "look", look: lookOf(turning, [agentOf(4), agentOf(5)]) });
  assert.equal(nameOfChosen(second), "web-4");
  assert.deepEqual(press(second, "end", "down").places.list.cursors, ["c1"], "there is no third page");
  const back = press(second, "up");
  assert.equal(wantedOf(back).cursors.list, null);
  const again = update(back, {
    kind: "look",
    look: lookOf(back, sound, { list: { rows: sound, next: "c1" } }),
  });
  assert.equal(nameOfChosen(again), "web-3");
});

Deno.test("a look that answers another question than the one that is asked now leaves the places alone", () => {
  const first = seeing(sound, { list: { rows: sound, next: "c1" } });
  const turning = press(first, "end", "down");
  const late = update(turning, { kind: "look", look: lookOf(first, sound) });
  assert.equal(late.places.list.cursors[0], "c1");
  assert.equal(chosen(late), null);
});

Deno.test("/ filters by the words of the query, says what is wrong, and Esc leaves it as it was", () => {
  const wrong = press(type(press(seeing(), "/"), "liveness=dead"), "enter");
  assert.match(wrong.box?.kind === "prompt" ? wrong.box.fault ?? "" : "", /liveness takes/);
  assert.deepEqual(press(wrong, "escape").query, {});
  const right = press(type(press(wrong, "ctrl-u"), "web liveness=offline label=site:Linz"), "enter");
  assert.deepEqual(right.query, { q: "web", liveness: ["offline"], label: ["site:Linz"] });
  assert.equal(right.box, null);
  const emptied = press(press(right, "/"), "ctrl-u", "enter");
  assert.deepEqual(emptied.query, {});
});

Deno.test("the filter that is there can be edited, and q and other keys are typed into it", () => {
  const state = seeing(sound, {}, stateOf({ query: { q: "we", sort: "-name" } }));
  const edited = press(type(press(state, "/"), "q?s"), "backspace", "enter");
  assert.deepEqual(edited.query, { q: "weq?", sort: "-name" });
  assert.equal(edited.wants, null);
});

Deno.test("s goes through the orders, S turns one round, both from the first page", () => {
  const state = press(seeing(sound, { list: { rows: sound, next: "c1" } }), "end", "down");
  const sorts = ["s", "s", "s", "s", "S", "S"].reduce<{ state: State; seen: (string | undefined)[] }>(
    ({ state, seen }, key) => {
      const next = press(state, key);
      return { state: next, seen: [...seen, next.query.sort] };
    },
    { state, seen: [] },
  );
  assert.deepEqual(sorts.seen, ["last_seen_at", "created_at", "trouble", "name", "-name", "name"]);
  assert.equal(wantedOf(sorts.state).cursors.list, null);
});

Deno.test("g groups the map by a label, and Enter on a group shows its agents", () => {
  const grouped = press(type(press(seeing(), "g"), "site"), "enter");
  assert.deepEqual([grouped.group, grouped.focus], ["site", "map"]);
  assert.equal(press(type(press(seeing(), "g"), "a b"), "enter").group, null);
  const map = {
    words: ["offline", "online"],
    cells: "1110",
    groups: [{ name: "Linz", count: 1 }, { name: "Wien", count: 1 }, { name: null, count: 2 }],
    server_time: serverTime,
  };
  const state = update(grouped, { kind: "look", look: lookOf(grouped, sound, { map }) });
  // The group with an offline agent comes first; it is the one of those without the label.
  assert.match(press(state, "enter").note?.text ?? "", /share no value/);
  const chosen = press(state, "down", "enter");
  assert.deepEqual([chosen.query.label, chosen.focus], [["site:Linz"], "list"]);
  const there = update(chosen, { kind: "look", look: lookOf(chosen, sound, { map }) });
  const other = press(press(there, "2"), "down", "down", "enter");
  assert.deepEqual(other.query.label, ["site:Wien"]);
});

Deno.test("each act says what it will do, and is ordered by y alone", () => {
  const open = press(seeing(), "a");
  assert.deepEqual(open.box?.kind === "acts" ? open.box.choices.map(({ act }) => act) : [], [
    "mute",
    "end-sessions",
    "request-rotation",
    "revoke",
  ]);
  const asked = press(open, "down", "down", "down", "enter");
  assert.equal(asked.box?.kind === "confirm" ? asked.box.order.choice.act : null, "revoke");
  assert.equal(asked.order, null);
  for (const key of ["n", "enter", "escape", "Y", " ", "q"]) {
    const left = press(asked, key);
    assert.deepEqual([left.order, left.box, left.note?.text], [null, null, "nothing was done"], key);
  }
  const ordered = press(asked, "y");
  assert.equal(ordered.order?.choice.act, "revoke");
  const second = press(press(ordered, "a"), "4", "y");
  assert.equal(second.order, ordered.order, "one at a time");
  const done = update(ordered, { kind: "done", text: "revoked", isFault: false });
  assert.deepEqual([done.order, done.note?.text], [null, "revoked"]);
});

Deno.test("to mute asks until when, and takes no time that is over", () => {
  const asked = press(seeing(), "a", "1");
  const wrong = press(type(asked, "2020-01-01"), "enter");
  assert.match(wrong.box?.kind === "prompt" ? wrong.box.fault ?? "" : "", /a time to come/);
  const confirmed = press(type(press(wrong, "ctrl-u"), "2h"), "enter");
  assert.equal(confirmed.box?.kind === "confirm" ? confirmed.box.order.until : null, "2026-11-23T14:00:00Z");
});

for (
  const [text, until] of [
    ["90", "2026-11-23T12:01:30Z"],
    ["2026-12-01T08:00Z", "2026-12-01T08:00:00Z"],
    ["0", null],
    ["", null],
    ["soon", null],
    ["2000d", null],
  ] as const
) {
  Deno.test(`a mute that is typed as "${text}" is one until ${until}`, () => {
    assert.equal(mutedUntil(text, now), until);
  });
}

Deno.test("an incident is acknowledged, and one that is acknowledged has nothing to be done", () => {
  const incident = incidentOf();
  const state = press(seeing(sound, { incidents: { rows: [incident], next: null } }), "4", "a", "enter", "y");
  assert.equal(state.order?.choice.act, "acknowledge");
  const known = incidentOf({ acknowledged_at: serverTime });
  const other = press(seeing(sound, { incidents: { rows: [known], next: null } }), "4", "a");
  assert.match(other.note?.text ?? "", /nothing to do about the incident 0b9c5f1e/);
});

Deno.test("with a reader's key no act is offered, neither on the screen nor in details", () => {
  const state = seeing(sound, {}, stateOf({ isReader: true }));
  for (const keys of [["a"], ["enter", "a"], ["enter", "a", "1", "y"]]) {
    const after = press(state, ...keys);
    assert.equal(after.order, null);
    assert.notEqual(after.box?.kind, "acts");
  }
});

Deno.test("details follow the agent, and stay when it is gone", () => {
  const open = press(seeing(), "enter");
  assert.deepEqual(wantedOf(open).opened, { kind: "agent", id: sound[0]?.id });
  const changed = agentOf(1, { version: "9" });
  const after = update(open, {
    kind: "look",
    look: lookOf(open, sound, { opened: { kind: "agent", agent: changed } }),
  });
  assert.deepEqual(after.box?.kind === "details" ? after.box.target : null, {
    kind: "agent",
    agent: changed,
  });
  const gone = update(after, { kind: "look", look: lookOf(after, []) });
  assert.equal(gone.box?.kind, "details");
});

Deno.test("q and Ctrl-C leave; in a box q and Esc go back, and Ctrl-C still leaves", () => {
  assert.equal(press(seeing(), "q").wants, "leave");
  assert.equal(press(seeing(), "escape").wants, null);
  for (const open of [["?"], ["enter"], ["a"]]) {
    const back = press(press(seeing(), ...open), "q");
    assert.deepEqual([back.box, back.wants], [null, null]);
    assert.equal(press(press(seeing(), ...open), "ctrl-c").wants, "leave");
  }
  assert.equal(press(press(seeing(), "/"), "ctrl-c").wants, "leave");
  assert.equal(press(seeing(), "ctrl-z").wants, "suspend");
});

Deno.test("a failure leaves what was seen, and the next look takes it away", () => {
  const seen = seeing();
  const failed = update(seen, { kind: "failure", reason: "gone" });
  assert.deepEqual([failed.look, failed.failure], [seen.look, "gone"]);
  assert.equal(update(failed, { kind: "look", look: lookOf(failed, sound) }).failure, null);
});
