import { basename, delimiter, dirname, join } from "node:path";
import { secondName } from "../host/names.ts";
import type { Environment } from "../host/paths.ts";
import type { ServiceLayout } from "./layout.ts";
import { describeForeign } from "./owner.ts";
import type { Step } from "./steps.ts";

/**
 * What an installation does about the second name of its program, and the line that tells of another program which
 * has that name: ours is made beside none.
 */
export async function secondNameSteps(
  { program, second: path }: ServiceLayout,
  wanted: boolean | undefined,
  environment: Environment,
): Promise<{ steps: Step[]; remark: string | null }> {
  const foreign = await foreignOnPath(program, environment);
  const remark = foreign === null ? null : `"${foreign}" is another program's (${await describeForeign(
    foreign,
  )}): it stays, and this agent is only "${basename(program)}"`;
  if (wanted === false) return { steps: [{ do: "remove second name", path, program }], remark };
  return { steps: wanted && foreign === null ? [{ do: "make second name", path, program }] : [], remark };
}

/**
 * Asks whether the program shall have the second name, where nobody has it yet.
 *
 * @returns undefined for no, and where there is nothing to ask
 */
export async function askForSecondName(
  { program, second }: ServiceLayout,
  { ask, environment }: { ask: (question: string) => Promise<boolean>; environment: Environment },
): Promise<true | undefined> {
  const isTaken = await isOurSecondName(second, program) ||
    await foreignOnPath(program, environment) !== null;
  return !isTaken && await ask(`May it be called "${secondName}", too?`) ? true : undefined;
}

/** The first file of the second name that is not ours: on the PATH, or beside the program. */
async function foreignOnPath(program: string, environment: Environment): Promise<string | null> {
  const folders = [...(environment("PATH") ?? "").split(delimiter), dirname(program)];
  const ends = Deno.build.os === "windows" ? [".exe", ".cmd", ".bat", ".ps1"] : [""];
  for (const folder of folders.filter((one) => one !== "")) {
    for (const path of ends.map((end) => join(folder, secondName + end))) {
      if (await isSomething(path) && !await isOurSecondName(path, program)) return path;
    }
  }
  return null;
}

/** Folders of a PATH may be closed, or no folders. */
export async function isSomething(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Whether a path is the second name that we gave a program: a link to it, on Windows a script that starts it. */
export async function isOurSecondName(path: string, program: string): Promise<boolean> {
  try {
    if (Deno.build.os === "windows") return await Deno.readTextFile(path) === shimText(program);
    return await Deno.realPath(dirname(path)) === await Deno.realPath(dirname(program)) &&
      await Deno.readLink(path) === basename(program);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Makes the second name; what is there is not written over. */
export async function makeSecondName(path: string, program: string): Promise<void> {
  if (await isOurSecondName(path, program)) return;
  if (Deno.build.os === "windows") await Deno.writeTextFile(path, shimText(program), { createNew: true });
  else await Deno.symlink(basename(program), path);
}

/** Where a link needs rights that a user has not. */
function shimText(program: string): string {
  return `@"%~dp0${basename(program)}" %*\r\n`;
}
