import assert from "node:assert/strict";
import { durationText } from "../../../cli/terminal/duration.ts";
import { type Column, cut, formatTable, widthOf, wrap } from "../../../cli/terminal/table.ts";

interface Row {
  name: string;
  host: string;
  note: string;
}

const columns: Column<Row>[] = [
  { title: "name", text: ({ name }) => name, least: 8 },
  { title: "host", text: ({ host }) => host, least: 6, dropped: 1 },
  { title: "note", text: ({ note }) => note, least: 4 },
];
const rows: Row[] = [
  { name: "a", host: "日本語の計算機", note: "" },
  { name: `${"🦞".repeat(100)}<script>`, host: "\u001b[31m\u202ehost", note: "two\nlines" },
  { name: "👨‍👩‍👧‍👦 family", host: "é".normalize("NFD").repeat(30), note: "\u061c\u200f" },
];

for (const width of [200, 80, 40, 25, 12, 3, 1]) {
  Deno.test(`no line of a table is wider than ${width} columns, whatever is in its cells`, () => {
    const lines = formatTable(rows, columns, width);
    assert.equal(lines.length, rows.length + 1);
    for (const line of lines) assert.ok(widthOf(line) <= width, `${widthOf(line)}: ${line}`);
    // deno-lint-ignore no-control-regex -- what a terminal would act on
    assert.doesNotMatch(lines.join(""), /[\u0000-\u001f\u061c\u200f\u202e]/);
  });
}

Deno.test("the columns of a table stand under their titles, behind wide characters too", () => {
  const [title = "", first = ""] = formatTable([{ name: "日本", host: "h", note: "n" }], columns, 80);
  assert.equal(widthOf(title.slice(0, title.indexOf("host"))), widthOf(first.slice(0, first.indexOf("h"))));
  assert.equal(title, "name  host  note");
  assert.equal(first, "日本  h     n");
});

Deno.test("a table without room drops the columns that may go, the others are cut to their least width first", () => {
  const wide = [{ name: "n".repeat(30), host: "h".repeat(30), note: "x".repeat(30) }];
  assert.equal(
    formatTable(wide, columns, 40)[1],
    `${"n".repeat(11)}…  ${"h".repeat(11)}…  ${"x".repeat(11)}…`,
  );
  assert.deepEqual(formatTable(wide, columns, 16)[0], "name      note");
  assert.deepEqual(formatTable(wide, columns, 10), ["name", `${"n".repeat(9)}…`]);
});

Deno.test("a table for a pipe is not cut", () => {
  const [, line = ""] = formatTable([{ name: "n".repeat(300), host: "h", note: "" }], columns, null);
  assert.equal(line, `${"n".repeat(300)}  h`);
});

Deno.test("a text is cut between characters, never within one", () => {
  assert.equal(cut("🦞🦞🦞", 4), "🦞…");
  assert.equal(cut("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 3), "👨‍👩‍👧‍👦…");
  assert.equal(cut("short", 5), "short");
  assert.equal(cut("short", 0), "");
});

Deno.test("a text is broken between words, and within one that is wider than a line", () => {
  assert.deepEqual(wrap("2 offline of 43: look first at web-1", 20), [
    "2 offline of 43:",
    "look first at web-1",
  ]);
  assert.deepEqual(wrap(`a ${"日".repeat(9)}`, 6), ["a", "日日…"]);
});

const durations: [seconds: number, text: string][] = [
  [-5, "0 s"],
  [119, "119 s"],
  [120, "2 min"],
  [7199, "119 min"],
  [7200, "2 h"],
  [172_799, "47 h"],
  [172_800, "2 d"],
];
for (const [seconds, text] of durations) {
  Deno.test(`${seconds} seconds are told as ${text}`, () => assert.equal(durationText(seconds), text));
}
