import assert from "node:assert/strict";
import { join } from "node:path";
import { type Ending, parseCommand, runProgram } from "../../../cli/host/child.ts";
import { readIfThere } from "../../../cli/host/private_file.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { succeed } from "../../_support/run.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { until } from "../../_support/wait.ts";

const never = new AbortController().signal;
const hasProc = Deno.build.os === "linux";
const proc = hasProc ? [] : ["Linux's /proc"];

const commands: [text: string, words: string[]][] = [
  [" /bin/check  -w 10%  ", ["/bin/check", "-w", "10%"]],
  ['["/bin/check", "two words"]', ["/bin/check", "two words"]],
];

for (const [text, words] of commands) {
  Deno.test(`a command is words at spaces or a JSON array: ${text}`, () => {
    assert.deepEqual(parseCommand(text, "--status-command"), words);
  });
}

const noCommands = ['"/bin/check', "check 'two words'", 'check "x"', "a\\ b", "", "  "];
const noArrays = ["[", '["a', '["check"', "[]", "[1]", '["a", 1]', '{"a": 1}'];

for (const text of [...noCommands, ...noArrays]) {
  Deno.test(`"${text}" is not a command: there is no shell that would understand quotes`, () => {
    const says = /Cannot read --status-command: expected words without quotes, or a JSON array of strings/;
    assert.throws(
      () => parseCommand(text, "--status-command"),
      (error) => error instanceof CliError && error.failure === "usage" && says.test(error.message),
    );
  });
}

testWith(["env"], "a child gets the environment of another openclaw, and none of our secrets", async () => {
  const ours = ["OPENCLAW_AGENT_SECRET", "OPENCLAW_OPERATOR_KEY_FILE", "AGENT_JWT_KEYS", "DATABASE_URL"];
  const theirs = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_STATE_DIR"];
  // In a process of its own: the environment is one for all files of a run.
  const script = `import { runProgram } from "${new URL("../../../cli/host/child.ts", import.meta.url)}";
    const signal = new AbortController().signal;
    console.log((await runProgram(["env"], { seconds: 60, signal })).stdout);`;
  const { stdout } = await succeed(Deno.execPath(), ["eval", "--no-lock", script], {
    env: Object.fromEntries([...ours, ...theirs].map((name) => [name, "x"])),
  });
  const names = stdout.split("\n").map((line) => line.split("=")[0]);
  assert.deepEqual(theirs.filter((name) => !names.includes(name)), []);
  assert.deepEqual(ours.filter((name) => names.includes(name)), []);
});

/** Runs the script for a second, or for longer where that did not do for it to print something. */
async function runOutOfTime(script: string): Promise<{ ending: Ending; seconds: number }> {
  for (const seconds of [1, 5]) {
    const ending = await runProgram(["/bin/sh", "-c", script], { seconds, signal: never });
    if (ending.stdout !== "") return { ending, seconds };
  }
  const seconds = 20;
  return { ending: await runProgram(["/bin/sh", "-c", script], { seconds, signal: never }), seconds };
}

testWith(
  ["sh", "sleep"],
  "a program that does not end is killed in time, with all that it started",
  async () => {
    const started = performance.now();
    const { ending, seconds } = await runOutOfTime("sleep 300 & echo $!; sleep 300");
    assert.ok(performance.now() - started < 120_000, "nobody waited for what holds its output open");
    assert.deepEqual([ending.code, ending.fault], [null, `it was not done within ${seconds} s`]);
    assert.match(ending.stdout, /^\d+\n$/);
    if (hasProc) await until("the end of what it started", () => !isRunning(ending.stdout.trim()));
  },
);

testWith(["yes"], "a program that prints without end is killed", async () => {
  const flood = await runProgram(["yes"], { seconds: 60, signal: never });
  assert.match(flood.fault ?? "", /more than 65536 bytes/);
});

Deno.test("a program that is not there is no failure of ours", async () => {
  const none = await runProgram(["/nowhere/program"], { seconds: 60, signal: never });
  assert.deepEqual([none.code, none.fault], [null, "there is no such program"]);
});

testWith(
  ["sh", "sleep", ...proc],
  "a program that leaves another one running is done when it ends, and leaves no file open",
  async () => {
    await using folder = await temporaryFolder();
    const pids = join(folder.path, "pids");
    const script = `sleep 300 & echo $! >> '${pids}'; echo all is well; exit 1`;
    const before = openFiles();
    const started = performance.now();
    try {
      for (let run = 0; run < 5; run++) {
        const ending = await runProgram(["/bin/sh", "-c", script], { seconds: 120, signal: never });
        assert.deepEqual(ending, { code: 1, stdout: "all is well\n", fault: null });
      }
      assert.ok(performance.now() - started < 120_000, `${performance.now() - started} ms`);
      const left = (await Deno.readTextFile(pids)).trim().split("\n");
      assert.deepEqual(left.map(isRunning), [true, true, true, true, true]);
    } finally {
      for (const pid of (await Deno.readTextFile(pids)).trim().split("\n")) Deno.kill(Number(pid), "SIGKILL");
    }
    await until("the files to be closed", () => openFiles() <= before);
  },
);

testWith(
  ["sh", "sleep", "mv", ...proc],
  "a program that is given up takes with it all that it started, and leaves no file open",
  async () => {
    await using folder = await temporaryFolder();
    const pids = join(folder.path, "pids");
    const script = `(sleep 300 & echo $! > '${pids}.new'; mv '${pids}.new' '${pids}'; wait) & wait`;
    const before = openFiles();
    const stopped = new AbortController();
    const running = runProgram(["/bin/sh", "-c", script], { seconds: 120, signal: stopped.signal });
    const pid = await until("the program to start another", () => readIfThere(pids));
    stopped.abort();
    assert.equal((await running).code, null);
    await until("the end of what it started", () => !isRunning(pid.trim()));
    await until("the files to be closed", () => openFiles() <= before);
  },
);

/** How many files this process has open, of those that stay open. */
function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Whether there is such a process, other than one that only waits to be counted. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
