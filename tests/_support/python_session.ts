import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

interface Job {
  file: string;
  args: readonly string[];
  env: Record<string, string>;
}

interface Answer {
  id: number;
  /** 128 and the signal's number, if a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

const script = fileURLToPath(new URL("./python_session.py", import.meta.url));
/** What a Python takes to heart when it starts, or its loader does. */
const readAtTheStart = /^(PYTHON|LC_|LD_|TZ$|LANGUAGE$|MALLOC_)/;

/** A Python that has loaded the modules of an installer, and runs files side by side, each in a process of its own. */
export class PythonSession implements AsyncDisposable {
  #child: Deno.ChildProcess;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #count = 0;
  #drained: Promise<void>;

  /** @param command what starts a file, in a process of its own: "python3" and its flags */
  constructor([program = "", ...flags]: readonly string[], folder: string) {
    this.#child = new Deno.Command(program, {
      args: [...flags, script],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", LANG: "C.UTF-8", HOME: folder, TMPDIR: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#drained = this.#drain(this.#child.stdout);
  }

  /** Whether a process of its own would do the same with this environment. */
  static takes(env: Record<string, string>): boolean {
    return env.LANG === "C.UTF-8" && !Object.keys(env).some((name) => readAtTheStart.test(name));
  }

  async run(job: Job): Promise<Omit<Answer, "id">> {
    const id = this.#count++;
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.set(id, answer);
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify({ id, ...job })}\n`));
    const { code, stdout, stderr } = await answer.promise;
    return { code, stdout, stderr };
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer: Answer = JSON.parse(line);
        this.#waiting.get(answer.id)?.resolve(answer);
        this.#waiting.delete(answer.id);
      }
    }
    for (const { reject } of this.#waiting.values()) reject(new Error("the Python that forks has ended"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#drained;
    assert.equal((await this.#child.status).code, 0);
  }
}
