import assert from "node:assert/strict";
import { ownEnvironment } from "./program.ts";

/** What `testWith` is told for a test on a terminal. */
export const terminal = Deno.build.os === "windows" ? ["the terminals of Unix"] : ["python3"];

/** A text that is typed once the terminal has shown another one since the last time. */
export type Typed = [shown: string, text: string];

/** Runs a program on a terminal of 80 columns, types each answer to its question, and prints what was shown. */
const typist = `
import fcntl, json, os, pty, select, struct, sys, termios
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
shown = b""
def read(question, since):
    global shown
    while question is None or question not in shown[since:].decode(errors="replace"):
        if not select.select([terminal], [], [], 120)[0]:
            return False
        try:
            part = os.read(terminal, 65536)
        except OSError:
            return False
        # Where the other side is gone, Linux has an error to say so, and macOS an end.
        if not part:
            return False
        shown += part
    return True
since = 0
for question, answer in answers:
    if not read(question, since):
        break
    since = len(shown)
    os.write(terminal, answer.encode() + b"\\r")
read(None, since)
code = os.waitpid(pid, 0)[1] >> 8
print(json.dumps({"code": code, "shown": shown.decode(errors="replace")}))
`;

/** What a program does and shows on a terminal of 80 columns, where each answer is typed to its question. */
export async function showTerminal(
  command: string[],
  { answers = [], home, noColour = "", env = {} }: {
    answers?: Typed[];
    home: string;
    noColour?: string;
    env?: Record<string, string>;
  },
): Promise<{ code: number; shown: string }> {
  const { stdout, stderr } = await new Deno.Command("python3", {
    args: ["-c", typist, JSON.stringify(answers), ...command],
    clearEnv: true,
    env: { ...ownEnvironment(home), TERM: "xterm", NO_COLOR: noColour, ...env },
    cwd: home,
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  assert.notEqual(text, "", decoder.decode(stderr));
  return JSON.parse(text);
}
