import assert from "node:assert/strict";
import { ownEnvironment } from "./program.ts";

/** What is done at a terminal, one after the other. What is waited for has to come after the step before. */
export type Step =
  | ["wait", shown: string]
  | ["type", text: string]
  | ["signal", name: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGTSTP" | "SIGCONT"]
  | ["resize", columns: number, rows: number];

export interface Shown {
  code: number;
  /** All that the terminal was sent. */
  text: string;
  /** Whether it reads whole lines and shows what is typed, as it did before. */
  isRestored: boolean;
}

interface AtTerminal {
  home: string;
  columns?: number;
  rows?: number;
  steps?: Step[];
  env?: Record<string, string>;
}

const script = `
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
steps, columns, rows, command = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
master, slave = pty.openpty()
def resize(columns, rows):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
resize(columns, rows)
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(slave, number)
    os.closerange(3, 256)
    os.execvp(command[0], command)
shown, since, status, end = b"", 0, None, time.time() + 120
def read():
    global shown
    while select.select([master], [], [], 0.02)[0]:
        shown += os.read(master, 65536)
while status is None and time.time() < end:
    read()
    while steps:
        kind, *what = steps[0]
        if kind == "wait":
            wanted = what[0].encode()
            at = shown.find(wanted, since)
            if at < 0:
                break
            # What is waited for next may have come along. What is waited for after an act has to come after it.
            since = at + len(wanted) if steps[1:] and steps[1][0] == "wait" else len(shown)
        elif kind == "type":
            os.write(master, what[0].encode())
        elif kind == "signal":
            os.kill(pid, getattr(signal, what[0]))
        else:
            resize(*what)
            os.kill(pid, signal.SIGWINCH)
        steps.pop(0)
    ended, one = os.waitpid(pid, os.WNOHANG)
    if ended:
        status = one
if status is None:
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
read()
print(json.dumps({
    "code": os.waitstatus_to_exitcode(status),
    "text": shown.decode(errors="replace"),
    "isRestored": termios.tcgetattr(slave) == before,
}))
`;

/** Runs a program on a terminal of a size, 80 by 24 if nothing else is said, to its end. */
export async function atTerminal(
  command: string[],
  { home, columns = 80, rows = 24, steps = [], env = {} }: AtTerminal,
): Promise<Shown> {
  const { stdout, stderr } = await new Deno.Command("python3", {
    args: ["-c", script, JSON.stringify(steps), String(columns), String(rows), ...command],
    clearEnv: true,
    env: { ...ownEnvironment(home), TERM: "xterm", NO_COLOR: "", ...env },
    cwd: home,
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  assert.notEqual(text, "", decoder.decode(stderr));
  return JSON.parse(text);
}
