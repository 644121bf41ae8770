// deno-lint-ignore-file no-console -- it takes the place of what the program prints with

import { allEntries } from "../../cli/commands/entries.ts";
import { start } from "../../cli/commands/start.ts";
import type { Call } from "./program_session.ts";

/*
 * The real program for many command lines, one after the other: a line of JSON on stdin is a `Call`, and one on stdout
 * a `Run`. What a process has by itself, each call is given: environment, working folder, stdout and stderr.
 */
const write = console.log;
let output = { stdout: "", stderr: "" };
console.log = (text: string) => void (output.stdout += `${text}\n`);
console.error = (text: string) => void (output.stderr += `${text}\n`);
// What a command gives up it gives up for good, and the next one may need it.
Deno.permissions.revoke = (descriptor) => Deno.permissions.query(descriptor);
for await (const line of lines(Deno.stdin.readable)) write(JSON.stringify(await run(JSON.parse(line))));

async function run(
  { args, env, cwd }: Call,
): Promise<{ code: number; stdout: string; stderr: string }> {
  output = { stdout: "", stderr: "" };
  for (const name of Object.keys(Deno.env.toObject())) Deno.env.delete(name);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  Deno.chdir(cwd);
  const code = await start(args, allEntries);
  return { code, ...output };
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
