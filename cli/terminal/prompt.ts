import type { Writable } from "node:stream";

type Environment = (name: string) => string | undefined;

/** What every question is put with. */
interface Common {
  output: Writable;
  signal: AbortSignal;
}

/** Whether there is somebody to ask. A dumb terminal shows what it is told to hide, so nothing is asked on it. */
export function mayAsk(environment: Environment): boolean {
  return environment("TERM") !== "dumb" && Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/**
 * Puts one question on the terminal; null when it was left without an answer. Ctrl-C leaves it, and so do Ctrl-D and
 * Ctrl-Z, which the prompt would go on showing its answer after.
 */
export async function ask<Value>(
  put: (prompts: typeof import("@clack/prompts"), common: Common) => Promise<Value | symbol>,
  environment: Environment,
): Promise<Value | null> {
  const prompts = await import("@clack/prompts");
  const { stdin } = await import("node:process");
  const left = new AbortController();
  const leave = (_text: unknown, key: { ctrl?: boolean; name?: string } | undefined): void => {
    if (key?.ctrl === true && (key.name === "d" || key.name === "z")) left.abort();
  };
  stdin.on("keypress", leave);
  try {
    const output = await outputOf(environment);
    const given = await put(prompts, { output, signal: left.signal });
    return typeof given === "symbol" ? null : given;
  } finally {
    stdin.off("keypress", leave);
  }
}

/** Whether the answer is yes. It is no when the question is left, and where only Enter is pressed. */
export async function confirm(message: string, environment: Environment): Promise<boolean> {
  const put = (prompts: typeof import("@clack/prompts"), common: Common): Promise<boolean | symbol> =>
    prompts.confirm({ message, initialValue: false, ...common });
  return await ask(put, environment) === true;
}

/** The value of the line that was chosen; null when none was. */
export async function choose<Value extends string>(
  message: string,
  lines: readonly { value: Value; label: string; hint?: string }[],
  environment: Environment,
): Promise<Value | null> {
  return await ask<string>(
    (prompts, common) =>
      prompts.select<string>({
        message,
        options: lines.map((line) => ({ ...line })),
        maxItems: 12,
        ...common,
      }),
    environment,
  ).then((chosen) => lines.find(({ value }) => value === chosen)?.value ?? null);
}

async function outputOf(environment: Environment): Promise<Writable> {
  const { stderr } = await import("node:process");
  if (environment("NO_COLOR") === undefined) return stderr;
  const { Writable } = await import("node:stream");
  // What moves the cursor stays: the question is drawn anew with every key.
  const plain = new Writable({
    write(chunk, _encoding, done) {
      // deno-lint-ignore no-control-regex -- what paints a terminal begins with one
      const text = String(chunk).replace(/\u001b\[[\d;]*m/g, "");
      stderr.write(text, () => done());
    },
  });
  return Object.assign(plain, { columns: stderr.columns, rows: stderr.rows, isTTY: true });
}
