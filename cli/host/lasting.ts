import type { Environment } from "./environment.ts";

/**
 * What keeps a folder's files from being there after the next start, or null where nothing is known to: a file system
 * in memory, or a container's own one, which goes with the container. Only Linux is looked at.
 */
export async function transienceOf(folder: string, environment: Environment): Promise<string | null> {
  if (Deno.build.os !== "linux") return null;
  const mounts = await readOrNothing("/proc/self/mountinfo");
  return transience(folder, { mounts, isContainer: await isContainer(environment) });
}

/** The same, from the text of `/proc/self/mountinfo` (proc(5)). */
export function transience(
  folder: string,
  { mounts, isContainer }: { mounts: string; isContainer: boolean },
): string | null {
  const kind = fileSystemOf(folder, mounts);
  if (kind === "tmpfs" || kind === "ramfs") return "it is in memory, and gone after the next start";
  if (kind === "overlay" && isContainer) {
    return "it is in the container's own file system, and goes with the container";
  }
  return null;
}

/** The type of the innermost mount that holds the folder; of several at one place, the last one counts. */
function fileSystemOf(folder: string, mounts: string): string | undefined {
  let found: { point: string; kind: string | undefined } | null = null;
  for (const line of mounts.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const point = unescape(before.split(" ")[4] ?? "");
    if (point === "" || !isWithin(folder, point)) continue;
    if (found === null || point.length >= found.point.length) found = { point, kind: after.split(" ")[0] };
  }
  return found?.kind;
}

function isWithin(folder: string, point: string): boolean {
  return point === "/" || folder === point || folder.startsWith(`${point}/`);
}

/** A space, a tab, a line break and a backslash are written as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The marks that Docker, Podman and Kubernetes put into a container. */
async function isContainer(environment: Environment): Promise<boolean> {
  if (environment("KUBERNETES_SERVICE_HOST") !== undefined) return true;
  for (const mark of ["/.dockerenv", "/run/.containerenv"]) {
    if (await isThere(mark)) return true;
  }
  return false;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** What cannot be read tells nothing. */
async function readOrNothing(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Error) return "";
    throw error;
  }
}
