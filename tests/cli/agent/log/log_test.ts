import assert from "node:assert/strict";
import { join } from "node:path";
import { LineWriter } from "../../../../cli/agent/log/line_writer.ts";
import { LogFile } from "../../../../cli/agent/log/log_file.ts";
import { CliError } from "../../../../cli/terminal/errors.ts";
import { temporaryFolder, withFolder } from "../../../_support/server.ts";
import { handshakesAndBeats, startFaultServer } from "../../../_support/fault_server.ts";
import { commandOf, makeAgent, ownEnvironment } from "../../../_support/program.ts";

const text = "x".repeat(49);
/** A log stays open for as long as its process lives. */
const open = { sanitizeResources: false };

function makeLog(path: string): { log: LogFile; warnings: string[] } {
  const warnings: string[] = [];
  return { log: new LogFile(path, { mostBytes: 120, warn: (line) => warnings.push(line) }), warnings };
}

function size(path: string): number {
  return Deno.statSync(path).size;
}

Deno.test(
  "a log file that was there is counted, and one that cannot be moved is emptied, with one complaint",
  open,
  () =>
    withFolder((folder) => {
      const path = join(folder, "log");
      Deno.writeTextFileSync(path, "y".repeat(100));
      // No file takes the place of a folder, not even root's.
      Deno.mkdirSync(join(folder, "log.1"));
      Deno.mkdirSync(join(folder, "log.2", "in"), { recursive: true });
      Deno.mkdirSync(join(folder, "log.3", "in"), { recursive: true });
      const { log, warnings } = makeLog(path);
      for (let line = 0; line < 20; line++) {
        log.line(text);
        assert.ok(size(path) <= 120, `${size(path)} bytes`);
      }
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.match(warnings[0] ?? "", /it is emptied instead/);
      return Promise.resolve();
    }),
);

Deno.test(
  "a log file that is rotated keeps three older ones, and goes on in a new one",
  open,
  () =>
    withFolder((folder) => {
      const path = join(folder, "log");
      const { log, warnings } = makeLog(path);
      for (let line = 0; line < 20; line++) log.line(`${line}`.padEnd(49));
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assert.deepEqual(names, ["log", "log.1", "log.2", "log.3"]);
      assert.ok(names.every((name) => size(join(folder, name)) <= 120));
      assert.match(Deno.readTextFileSync(path), /^18 *\n19 *\n$/);
      assert.deepEqual(warnings, []);
      return Promise.resolve();
    }),
);

Deno.test({
  name: "a log that is a device is written to, and stays where it is",
  ...open,
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder((folder) => {
      const path = join(folder, "null");
      Deno.symlinkSync("/dev/null", path);
      const { log, warnings } = makeLog(path);
      for (let line = 0; line < 20; line++) log.line(text);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["null"]);
      assert.deepEqual(warnings, []);
      return Promise.resolve();
    }),
});

Deno.test({
  name: "a log on a disk that is full is complained of once, and the complaint is not its own reason",
  ...open,
  ignore: Deno.build.os !== "linux",
  fn() {
    const warnings: string[] = [];
    const log: LogFile = new LogFile("/dev/full", {
      mostBytes: 120,
      warn(line) {
        warnings.push(line);
        log.line(line);
      },
    });
    for (let line = 0; line < 5; line++) log.line(text);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /cannot write to the log file "\/dev\/full", going on/);
  },
});

Deno.test("lines are written whole and in order, through short writes and pipes that are full for now", async () => {
  let written = "";
  let calls = 0;
  const writer = new LineWriter({
    write(bytes) {
      calls += 1;
      if (calls % 3 === 0) return Promise.reject(new Deno.errors.WouldBlock("not now"));
      const part = bytes.subarray(0, 2);
      written += new TextDecoder().decode(part);
      return Promise.resolve(part.length);
    },
  });
  for (const line of ["one", "two", "three"]) writer.line(line);
  await writer.flush(10_000);
  assert.equal(written, "one\ntwo\nthree\n");
});

Deno.test("a stream that never takes a line holds at most a thousand, and a flush does not wait for it", async () => {
  let calls = 0;
  const writer = new LineWriter({
    write() {
      calls += 1;
      return new Promise(() => undefined);
    },
  });
  for (let line = 0; line < 5000; line++) writer.line("x");
  await writer.flush(50);
  assert.equal(calls, 1);
});

Deno.test("a stream that refuses every line costs those lines alone", async () => {
  const lines: string[] = [];
  const writer = new LineWriter({
    write(bytes) {
      lines.push(new TextDecoder().decode(bytes));
      return Promise.reject(new Error("No space left on device"));
    },
  });
  writer.line("one");
  writer.line("two");
  await writer.flush(1000);
  assert.deepEqual(lines, ["one\n", "two\n"]);
});

const fill = "dd if=/dev/zero of=/dev/fd/3 bs=4096 oflag=nonblock 2> /dev/null";
/** Scripts that start a monitor with its lines going somewhere, and keep its number and its exit code. */
const sinks: [string, string][] = [
  [
    "to a pipe that is full and that nobody empties",
    `mkfifo pipe; sleep 3600 < pipe & reader=$!; exec 3> pipe; ${fill}
    "$0" "$@" >&3 & echo $! > pid; wait $!; echo $? > code; kill $reader`,
  ],
  [
    "and warnings to a pipe that is full and that nobody empties",
    `mkfifo pipe; sleep 3600 < pipe & reader=$!; exec 3> pipe; ${fill}
    "$0" "$@" 2>&3 >&3 & echo $! > pid; wait $!; echo $? > code; kill $reader`,
  ],
  ["to a disk that is full", '"$0" "$@" > /dev/full & echo $! > pid; wait $!; echo $? > code'],
  [
    "and warnings to a disk that is full",
    '"$0" "$@" > /dev/full 2>&1 & echo $! > pid; wait $!; echo $? > code',
  ],
];

for (const [name, script] of sinks) {
  Deno.test(`a monitor whose lines go ${name} goes on beating, and says goodbye`, {
    ignore: Deno.build.os !== "linux",
  }, async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    // A file where the folder should be, so that there is something to warn of from the start.
    await Deno.writeTextFile(join(home.path, "state"), "");
    const { id, secret } = makeAgent();
    const flags = ["--url", server.url, "--agent-id", id, "--agent-secret", secret];
    const { program, args } = commandOf(["monitor", "--json", ...flags], { clock: 20 });
    const shell = new Deno.Command("sh", {
      args: ["-c", script, program, ...args],
      cwd: home.path,
      clearEnv: true,
      env: { ...ownEnvironment(home.path), XDG_STATE_HOME: join(home.path, "state") },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const pid = async (): Promise<number> => Number(await Deno.readTextFile(join(home.path, "pid")));
    try {
      await server.until(5);
    } catch (error) {
      Deno.kill(await pid(), "SIGKILL");
      throw error;
    }
    Deno.kill(await pid(), "SIGTERM");
    await shell.status;
    assert.equal((await Deno.readTextFile(join(home.path, "code"))).trim(), "0");
    assert.match(server.caught.at(-1)?.body ?? "", /"stopping"/);
  });
}

Deno.test({
  name: "a log that is a pipe is refused, whether somebody reads it or not",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      const path = join(folder, "pipe");
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      assert.throws(
        () => new LogFile(path, { mostBytes: 1000, warn: () => undefined }),
        (error) =>
          error instanceof CliError && error.failure === "usage" && /it is a pipe/.test(error.message),
      );
    }),
});
