import { dirname } from "node:path";
import { formatCredentials, type StoredCredentials } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { writePrivateFile } from "../private_file.ts";
import { assertProgramIsOurs } from "./ours.ts";
import type { Step } from "./steps.ts";

/** How the host's own programs are asked; a test brings its own. */
export type Ask = (words: string[]) => Promise<{ code: number; output: string }>;

/** Does one step. @throws {CliError} what the step could not do, and what the host said about it */
export async function perform(step: Step, credentials: StoredCredentials | null, ask: Ask): Promise<void> {
  try {
    switch (step.do) {
      case "copy program":
        return await copyProgram(step.from, step.to);
      case "write credentials":
        if (credentials !== null) await writePrivateFile(step.path, formatCredentials(credentials));
        return;
      case "write":
        return await replaceFile(step.path, step.text);
      case "remove":
        return await removeAll(step.path);
      case "remove program":
        if (await assertProgramIsOurs(step.path)) await Deno.remove(step.path);
        return;
      case "run":
        return await runWords(step.words, step.mayFail === true, ask);
    }
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error)) throw error;
    throw new CliError("unexpected", `Cannot ${step.do}: ${error.message}`, {
      hint: error instanceof Deno.errors.PermissionDenied
        ? "run it as root, or with --user"
        : "openclaw doctor",
      cause: error,
    });
  }
}

/** Runs a program of the host and reads what it says. */
export async function askHost([program = "", ...args]: string[]): Promise<{ code: number; output: string }> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
    const decoder = new TextDecoder();
    return { code, output: `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { code: 127, output: `there is no ${program} on this host` };
    }
    throw error;
  }
}

/** A program that runs is not overwritten but replaced. */
async function copyProgram(from: string, to: string): Promise<void> {
  await assertProgramIsOurs(to);
  await Deno.mkdir(dirname(to), { recursive: true });
  const beside = `${to}.${crypto.randomUUID()}`;
  try {
    await Deno.copyFile(from, beside);
    if (Deno.build.os !== "windows") await Deno.chmod(beside, 0o755);
    await Deno.rename(beside, to);
  } catch (error) {
    await removeAll(beside);
    throw error;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(beside, text, { mode: 0o644 });
  await Deno.rename(beside, path);
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function runWords(words: string[], mayFail: boolean, ask: Ask): Promise<void> {
  const { code, output } = await ask(words);
  if (code === 0 || mayFail) return;
  throw new CliError(
    "unexpected",
    `Cannot run "${words.join(" ")}": it ended with ${code}: ${output.slice(0, 300)}`,
    {
      hint: "openclaw service logs",
    },
  );
}
