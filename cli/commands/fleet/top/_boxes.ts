import { reasonOf } from "../../../fleet/reason.ts";
import { paint } from "../../../terminal/output.ts";
import { printable } from "../../../terminal/printable.ts";
import { cut, formatTable, padEnd, wrap } from "../../../terminal/table.ts";
import { deliveryColumns, incidentLines } from "../_incident_table.ts";
import { factLines } from "../agents/_facts.ts";
import { type Box, nameOf, type State, type Target } from "./_state.ts";

interface Room {
  state: State;
  columns: number;
  rows: number;
}

/** What stands in the place of the parts: help, details, what can be done, and the question before it is done. */
export function boxLines(box: Exclude<Box, { kind: "prompt" }>, { state, columns, rows }: Room): string[] {
  const room = Math.max(1, rows - 1);
  const scrolled = (lines: readonly string[], top: number): string[] => {
    const from = Math.max(0, Math.min(top, lines.length - room));
    return lines.slice(from, from + room);
  };
  switch (box.kind) {
    case "help":
      return [titleLine("KEYS", columns), ...scrolled(helpLines(state, columns), box.top)];
    case "details":
      return [
        titleLine(nameOf(box.target), columns),
        ...scrolled(detailLines(box.target, state, columns), box.top),
      ];
    case "acts":
      return [
        titleLine(`${nameOf(box.target)}: what is to be done?`, columns),
        ...box.choices.flatMap(({ title, will }, index) => {
          const line = cut(`${index === box.index ? "> " : "  "}${index + 1} ${printable(title)}`, columns);
          return [
            index === box.index ? paint("inverse", line, "stdout") : line,
            ...indented(printable(will), columns, 4).map((text) => paint("grey", text, "stdout")),
          ];
        }),
      ];
    case "confirm": {
      const { target, choice, until } = box.order;
      const what = until === undefined ? choice.title : `mute until ${until}`;
      const id = target.kind === "agent" ? target.agent.id : target.incident.id;
      return [
        titleLine(`${what}: ${nameOf(target)}?`, columns),
        ...indented(id, columns, 2),
        "",
        ...indented(printable(choice.will), columns, 2),
        "",
        ...indented("y: do it. Any other key: leave it.", columns, 2),
      ];
    }
  }
}

function titleLine(text: string, columns: number): string {
  return paint("inverse", padEnd(printable(text), columns), "stdout");
}

function detailLines(target: Target, { look }: State, columns: number): string[] {
  if (target.kind === "agent") {
    const reason = reasonOf(target.agent, look?.serverTime ?? 0);
    const facts = factLines(target.agent).flatMap((line) => indented(line, columns, 2));
    return reason === null ? facts : [...indented(printable(reason), columns, 2), "", ...facts];
  }
  const { incident } = target;
  const told = incident.deliveries.length === 0
    ? ["  nobody was told of it"]
    : formatTable(incident.deliveries, deliveryColumns, Math.max(1, columns - 2)).map((line) => `  ${line}`);
  return [...incidentLines(incident).flatMap((line) => indented(line, columns, 2)), "", ...told];
}

/** Lines that are broken between words, those after the first one further in. */
function indented(text: string, columns: number, by: number): string[] {
  const width = Math.max(1, columns - by - 2);
  return wrap(text, width).map((line, index) => cut(" ".repeat(index === 0 ? by : by + 2) + line, columns));
}

const help: readonly [keys: string, does: string][] = [
  ["Tab, 1 2 3 4", "the next part, or trouble, map, agents, incidents"],
  ["arrows, j k", "another row; past the last row: the next page"],
  ["PgUp PgDn Home End", "ten rows; the first row; the last row of the page"],
  [
    "/",
    "filter: a part of name or hostname, liveness=offline,late label=key:value sort=name; or a query as in an " +
    "address, with the ? before it",
  ],
  ["s S", "another order of the agents; the other way round"],
  ["g", "group the map by a label"],
  ["Enter", "details; on the map: the agents of the group"],
  ["a", "act on the agent or incident: says what it will do, and asks first"],
  ["? h", "this help"],
  ["Ctrl-L Ctrl-Z", "draw all anew; suspend"],
  ["Esc q Ctrl-C", "back; quit"],
];

function helpLines({ isReader }: State, columns: number): string[] {
  const lines = help.filter(([keys]) => !(isReader && keys === "a")).flatMap(([keys, does]) => {
    // On a narrow terminal what a key does stands below it.
    if (columns < 60) return [cut(`  ${keys}`, columns), ...indented(does, columns, 6)];
    return wrap(does, columns - 24).map((line, index) =>
      `  ${(index === 0 ? keys : "").padEnd(18)}  ${line}`
    );
  });
  return isReader
    ? [...lines, "", ...indented("This is a reader's key: it changes nothing.", columns, 2)]
    : lines;
}
