import assert from "node:assert/strict";
import { plainLine, showsUtf8 } from "../../../cli/terminal/plain.ts";
import { readTyped } from "../../../cli/terminal/typed.ts";
import { widthOf } from "../../../cli/terminal/table.ts";

const typed: [string, string, string[], string][] = [
  ["characters", "aß🦞", ["a", "ß", "🦞"], ""],
  ["arrows in both forms", "\u001b[A\u001bOB\u001b[1;5C", ["up", "down"], ""],
  ["keys with a number", "\u001b[5~\u001b[6~\u001b[1~\u001bOF", ["page-up", "page-down", "home", "end"], ""],
  ["control keys", "\u0003\u001a\t\r\u007f", ["ctrl-c", "ctrl-z", "tab", "enter", "backspace"], ""],
  ["an Escape before another key", "\u001bq", ["escape", "q"], ""],
  ["an Escape that may be a beginning", "x\u001b", ["x"], "\u001b"],
  ["the beginning of a sequence", "\u001b[1;", [], "\u001b[1;"],
  ["a sequence that no key has", "\u001b[200~\u001b[<0;1;1Mz", ["z"], ""],
];
for (const [name, text, keys, rest] of typed) {
  Deno.test(`what is typed is read key by key: ${name}`, () => {
    assert.deepEqual(readTyped(text), { keys, rest });
  });
}

const locales: [Record<string, string>, boolean][] = [
  [{ LANG: "de_AT.UTF-8" }, true],
  [{ LANG: "C.utf8" }, true],
  [{ LANG: "C.UTF-8", LC_ALL: "C" }, false],
  [{ LANG: "en_US.ISO-8859-1" }, false],
  [{}, false],
];
for (const [variables, isShown] of locales) {
  Deno.test(`a terminal of ${JSON.stringify(variables)} ${isShown ? "shows" : "does not show"} UTF-8`, () => {
    assert.equal(showsUtf8((name) => variables[name], "linux"), isShown);
  });
}

Deno.test("a line without UTF-8 is as wide as before, with signs for signs", () => {
  const line = "✗ offline  Zoë 日本語 🦞 cut…";
  assert.equal(plainLine(line), "x offline  Zo? ?????? ?? cut>");
  assert.equal(widthOf(plainLine(line)), widthOf(line));
  assert.equal(plainLine("\u001b[31mweb\u001b[39m"), "\u001b[31mweb\u001b[39m");
});
