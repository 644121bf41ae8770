import { dirname, resolve } from "node:path";
import { childEnvironment } from "../host/child_environment.ts";
import { formatCredentials, type StoredCredentials } from "../identity/credentials.ts";
import { CliError, isErrno } from "../terminal/errors.ts";
import { removeFile, writePrivateFile } from "../host/private_file.ts";
import { encodeDefinition } from "./stored_definition.ts";
import { sha256Of } from "./ours.ts";
import { leftoversOf, newPath, removeIfEmpty, removeOwnFiles } from "./own_files.ts";
import { isOurSecondName, makeSecondName } from "./second_name.ts";
import type { Step } from "./steps.ts";

/** How the host's own programs are asked; a test brings its own. */
export type Ask = (words: string[]) => Promise<{ code: number; output: string }>;

/** What steps are done with. */
export interface Means {
  ask: Ask;
  /** What "write credentials" writes, and whose return is announced. */
  credentials?: StoredCredentials;
  /** Tells a server that this agent will be back soon. Does not fail: nobody waits for it. */
  announce?: (credentials: StoredCredentials) => Promise<void>;
}

/** Does one step. @throws {CliError} what the step could not do, and what the host said about it */
export async function perform(step: Step, { ask, credentials, announce }: Means): Promise<void> {
  try {
    switch (step.do) {
      case "copy program":
        return await copyProgram(step.from, step.to);
      case "write credentials":
        if (credentials !== undefined) await writePrivateFile(step.path, formatCredentials(credentials));
        return;
      case "write":
        return await replaceFile(step.path, encodeDefinition(step.text, Deno.build.os === "windows"), 0o644);
      case "write manifest":
        return await replaceFile(step.path, new TextEncoder().encode(step.text), step.mode);
      case "remove":
        if (step.sha256.includes(await sha256Of(step.path) ?? "")) await removeFile(step.path);
        return;
      case "remove manifest":
        return void await removeFile(step.path);
      case "remove empty folder":
        return await removeIfEmpty(step.path);
      case "remove link":
        if (await leadsTo(step.path, step.to)) await Deno.remove(step.path);
        return;
      case "make second name":
        return await makeSecondName(step.path, step.program);
      case "remove second name":
        if (await isOurSecondName(step.path, step.program)) await Deno.remove(step.path);
        return;
      case "remove own files":
        return await removeOwnFiles(step.folder, step.names);
      case "remove leftovers":
        return await removeLeftovers(step.path);
      case "run":
        return await runWords(step.words, step.mayFail === true, ask);
      case "announce return":
        if (credentials !== undefined) await announce?.(credentials);
        return;
      case "wait until gone":
        return await waitUntilGone(step.words, ask);
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
    const options = { args, stdin: "null", clearEnv: true, env: childEnvironment() } as const;
    const { code, stdout, stderr } = await new Deno.Command(program, options).output();
    const decoder = new TextDecoder();
    return { code, output: `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { code: 127, output: `there is no ${program} on this host` };
    }
    throw error;
  }
}

/** A program that runs is not overwritten but replaced. An installer has put the new one beside its place already. */
async function copyProgram(from: string, to: string): Promise<void> {
  const beside = newPath(to);
  if (from === beside || from === `${beside}.exe`) return await moveProgram(from, to);
  await Deno.mkdir(dirname(to), { recursive: true });
  try {
    await removeFile(beside);
    await Deno.copyFile(from, beside);
    if (Deno.build.os !== "windows") await Deno.chmod(beside, 0o755);
    await moveProgram(beside, to);
  } catch (error) {
    await removeFile(beside);
    throw error;
  }
}

/** A leftover that cannot be removed, because it still runs for example, is named at the end. */
export async function removeLeftovers(path: string): Promise<void> {
  for (const leftover of leftoversOf(path)) {
    try {
      await removeFile(leftover);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Windows holds a program for a moment after it was ended. */
export async function moveProgram(from: string, to: string): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return await Deno.rename(from, to);
    } catch (error) {
      if (Deno.build.os !== "windows" || tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

async function replaceFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const beside = newPath(path);
  try {
    await removeFile(beside);
    await Deno.writeFile(beside, bytes, { mode, createNew: true });
    // Whatever the mask of this user is.
    if (Deno.build.os !== "windows") await Deno.chmod(beside, mode);
    await Deno.rename(beside, path);
  } catch (error) {
    await removeFile(beside);
    throw error;
  }
}

/** Whether a path is a link to another, as `systemctl enable` makes one. */
export async function leadsTo(path: string, to: string): Promise<boolean> {
  try {
    return resolve(dirname(path), await Deno.readLink(path)) === to;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "EINVAL", "ENOTDIR")) return false;
    throw error;
  }
}

async function waitUntilGone(words: string[], ask: Ask): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await ask(words)).code !== 0) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function runWords(words: string[], mayFail: boolean, ask: Ask): Promise<void> {
  const { code, output } = await ask(words);
  if (code === 0 || mayFail) return;
  throw new CliError(
    "unexpected",
    `Cannot run "${words.join(" ")}": it ended with ${code}: ${output.slice(0, 300)}`,
    {
      hint: words.join(" "),
    },
  );
}
