import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { powershellEnvironment, pwsh } from "./powershell.ts";

/** One life of an agent. */
interface Life {
  /** Its file, which ends in `.ps1`: another one would be started as a program of its own. */
  program: string;
  args: string[];
  home: string;
  /** What else its environment has. */
  variables: Record<string, string>;
  /** Where its clock is: `slept` is what it has slept, `jumps` what `planJumps` said. */
  folder: string;
  /** The seconds since 1970 at which the clock begins. */
  begun: number;
  /** How much sooner than it asked for it is done with its sleep. */
  haste: number;
}

interface Living {
  said: string;
  end: (code: number) => void;
}

const script = fileURLToPath(new URL("./agent_session.ps1", import.meta.url));

/**
 * A PowerShell in which the agents of install.ps1 live one after the other, each on a fast clock of its own. A start of
 * PowerShell, and all that an agent does for the first time, take seconds of CPU.
 */
export class AgentSession implements AsyncDisposable {
  readonly pid: number;
  #child: Deno.ChildProcess;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #living: Living | null = null;
  #drained: Promise<void>;

  constructor(folder: string) {
    this.#child = new Deno.Command(pwsh ?? assert.fail("there is no PowerShell"), {
      args: ["-NoProfile", "-NonInteractive", "-File", script],
      cwd: folder,
      clearEnv: true,
      env: { ...powershellEnvironment(folder), HOME: folder },
      stdin: "piped",
      stdout: "inherit",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#writer = this.#child.stdin.getWriter();
    this.#drained = this.#drain();
  }

  /** Begins a life when the one before has ended. */
  async begin(life: Life): Promise<{ said: () => string; ended: Promise<number> }> {
    assert.equal(this.#living, null, "another agent lives");
    const { promise: ended, resolve } = Promise.withResolvers<number>();
    const living: Living = { said: "", end: resolve };
    this.#living = living;
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(life)}\n`));
    return { said: () => living.said, ended };
  }

  async #drain(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      const living = this.#living ?? assert.fail(`no agent lives, and it says ${text}`);
      living.said += text;
      const [end, code] = /(?<=^|\n)ended (\d+)\n$/.exec(living.said) ?? [];
      if (end === undefined) continue;
      living.said = living.said.slice(0, -end.length);
      this.#end(Number(code));
    }
    this.#end((await this.#child.status).code);
  }

  #end(code: number): void {
    this.#living?.end(code);
    this.#living = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#drained;
  }
}
