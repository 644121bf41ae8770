import { end } from "../_support/run.ts";

/** A server in a Deno of its own, without this repository's packages; `await using` ends it. */
export interface Child extends AsyncDisposable {
  url: string;
  pid: number;
}

/** @param source a program that prints its address once it listens */
export async function startChild(source: string): Promise<Child> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", "--no-lock", "--allow-all", "-"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const drained = Promise.all([
    drain(child.stdout, (text) => {
      output.stdout += text;
      const url = /^(http:\S+)\n/m.exec(output.stdout)?.[1];
      if (url !== undefined) resolve(url);
    }),
    drain(child.stderr, (text) => output.stderr += text),
    new Blob([source]).stream().pipeTo(child.stdin),
  ]);
  child.status.then(({ code }) => reject(new Error(`A server ended with ${code}: ${output.stderr}`)));
  return {
    url: await promise,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      await end(child);
      await drained;
    },
  };
}

async function drain(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
