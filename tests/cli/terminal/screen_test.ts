import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sourceEnvironment } from "../../_support/program.ts";
import { atTerminal, type Shown, type Step } from "../../_support/pty.ts";
import { showingOf } from "../../_support/screen.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { terminal } from "../../_support/terminal.ts";
import { testWith } from "../../_support/tools.ts";

const module = fileURLToPath(new URL("../../../cli/terminal/screen.ts", import.meta.url));

/** Runs a few lines with a screen on a terminal of 20 by 5. */
async function draw(lines: string, steps: Step[] = []): Promise<Shown> {
  await using home = await temporaryFolder();
  const path = `${home.path}/script.ts`;
  const size = "{ columns: 20, rows: 5 }";
  await Deno.writeTextFile(
    path,
    `import { Screen } from ${JSON.stringify(module)};\nconst size = ${size};\n${lines}`,
  );
  const command = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-all",
    `--config=${config}`,
    path,
  ];
  return await atTerminal(command, { home: home.path, columns: 20, rows: 5, steps, env: sourceEnvironment });
}

const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
const restored = "\u001b[?7h\u001b[?25h\u001b[?1049l";

testWith(
  terminal,
  "a screen draws a line only when it has changed, and a full line to its last character",
  async () => {
    const { code, text, isRestored } = await draw(
      `
    const screen = new Screen();
    screen.draw(["one", "two", "${"x".repeat(20)}"], size);
    screen.draw(["one", "two", "${"x".repeat(20)}"], size);
    screen.draw(["one", "2", "${"x".repeat(20)}"], size);
    screen.draw(["one"], size);
    screen[Symbol.dispose]();
    Deno.exit(0);
  `,
    );
    assert.deepEqual([code, isRestored], [0, true], text);
    const frames = text.split("\u001b[?2026h").slice(1).map((frame) => frame.split("\u001b[?2026l")[0]);
    assert.deepEqual(frames, [
      `\u001b[1;1Hone\u001b[K\u001b[2;1Htwo\u001b[K\u001b[3;1H${"x".repeat(20)}\u001b[4;1H\u001b[J`,
      "\u001b[2;1H2\u001b[K",
      "\u001b[2;1H\u001b[K\u001b[3;1H\u001b[K",
    ]);
  },
);

const failures: [string, string][] = [
  ["throws", 'throw new Error("no");'],
  [
    "throws in a timer",
    'setTimeout(() => { throw new Error("no"); }, 1); await new Promise(() => undefined);',
  ],
  [
    "has a promise that nobody catches",
    'void Promise.reject(new Error("no")); await new Promise(() => undefined);',
  ],
  ["exits", "Deno.exit(1);"],
];
for (const [name, line] of failures) {
  testWith(terminal, `a program that ${name} while it has the screen puts the terminal back`, async () => {
    const { code, text, isRestored } = await draw(`
      const screen = new Screen({ type: () => undefined });
      screen.draw(["one"], size);
      ${name === "throws" ? "using shown = screen;" : ""}
      ${line}
    `);
    assert.deepEqual([code, isRestored], [1, true], text);
    const { isSecond, hasCursor } = showingOf(text);
    assert.deepEqual([isSecond, hasCursor], [false, true]);
    const after = text.slice(text.indexOf(restored) + restored.length);
    assert.ok(name === "exits" ? after === "" : after.includes("no"), JSON.stringify(after));
  });
}
