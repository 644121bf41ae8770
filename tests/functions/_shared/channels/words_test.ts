import assert from "node:assert/strict";
import { type ToldIncident, wordsOf } from "../../../../supabase/functions/_shared/channels/words.ts";

const at = new Date("2026-11-27T10:12:00Z");
const one: ToldIncident = {
  id: "i",
  kind: "offline",
  opened_at: "2026-11-27T10:00:00.123Z",
  closed_at: null,
  agents_count: 1,
  agents: [{ id: "a", name: "web-1" }],
  labels: { site: "berlin" },
  reason: null,
  changes_count: 0,
};
const many: ToldIncident = {
  ...one,
  agents_count: 40,
  agents: Array.from({ length: 20 }, (_, n) => ({ id: `${n}`, name: `web-${n + 1}` })),
  labels: { site: "berlin", spare: "" },
};

const titles: [
  type: "incident.opened" | "incident.reminder" | "incident.closed",
  told: ToldIncident,
  title: string,
][] = [
  ["incident.opened", one, "web-1 is offline"],
  ["incident.opened", { ...one, kind: "stalled" }, "web-1 is stalled"],
  ["incident.opened", { ...one, kind: "unhealthy" }, "web-1 is unhealthy"],
  ["incident.opened", { ...one, kind: "copy" }, "web-1 has a copy"],
  [
    "incident.opened",
    { ...one, kind: "server", agents_count: 0, agents: [] },
    "The server was away more than three times in an hour",
  ],
  ["incident.opened", many, "40 agents are offline (site=berlin, spare)"],
  ["incident.reminder", one, "Still so: web-1 is offline"],
  ["incident.closed", { ...one, closed_at: "2026-11-27T10:00:40Z" }, "Over after 40 s: web-1 is offline"],
  [
    "incident.closed",
    { ...many, closed_at: "2026-11-27T10:20:00Z" },
    "Over after 20 min: 40 agents are offline (site=berlin, spare)",
  ],
  [
    "incident.closed",
    { ...one, closed_at: "2026-11-27T13:01:00Z" },
    "Over after 3 h 1 min: web-1 is offline",
  ],
  ["incident.closed", { ...one, closed_at: "2026-11-30T11:00:00Z" }, "Over after 3 d 1 h: web-1 is offline"],
];

for (const [type, told, title] of titles) {
  Deno.test(`${type}: "${title}"`, () =>
    assert.equal(wordsOf(type, { told, incident: null, at }).title, title));
}

Deno.test("the text says since when, why, who, and how often it changed", () => {
  const told = { ...many, reason: "all in 10.1.2.0/24", changes_count: 3 };
  const names = many.agents.map(({ name }) => name).join(", ");
  assert.equal(
    wordsOf("incident.opened", { told, incident: null, at }).text,
    `Since 2026-11-27 10:00:00 UTC\nall in 10.1.2.0/24\nAgents: ${names} and 20 more\nIt came back and went again 3 times`,
  );
});

Deno.test("a long title and a long text are cut, between characters", () => {
  const told = {
    ...many,
    agents: many.agents.map(({ id }) => ({ id, name: "🦊".repeat(100) })),
    labels: { a: "x".repeat(255) },
  };
  const { title, text } = wordsOf("incident.opened", { told, incident: null, at });
  assert.equal([...String(title)].length, 250);
  assert.equal([...String(text)].length, 1200);
  assert.ok(String(title).isWellFormed() && String(text).isWellFormed());
});
