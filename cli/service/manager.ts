import { isMarked } from "./mark.ts";
import type { Ask } from "./perform.ts";
import { type Place, systemdUnit } from "./layout.ts";
import { askWords, systemctl } from "./steps.ts";

/** Why the service manager cannot be asked, in its own words; null when it can. */
export async function managerFault(place: Place, ask: Ask): Promise<string | null> {
  const { code, output } = await ask(askWords(place).answers);
  if (code === 0) return null;
  return output.split("\n")[0] || `it ends with ${code}`;
}

/** Where the manager has a service of our name from, when that is not our place. */
export async function definedElsewhere(place: Place, ask: Ask): Promise<string | null> {
  const { code, output } = await ask(askWords(place).known);
  if (code !== 0) return null;
  if (place.os === "windows") {
    return isMarked(output.replaceAll("\u0000", ""), place.os) ? null : "the task scheduler";
  }
  const path = /^\s*(?:FragmentPath=|path = )(.+)$/m.exec(output)?.[1]?.trim();
  if (path === undefined || path === place.unit || await isSame(path, place.unit)) return null;
  return path;
}

/** What the manager still knows, or still runs, of the service. */
export async function leftOver(place: Place, ask: Ask): Promise<string[]> {
  if (place.os !== "linux") {
    const { code } = await ask(askWords(place).known);
    return code === 0 ? ["the service, as its manager knows it"] : [];
  }
  const { output: active } = await ask(askWords(place).state);
  const enabled = await ask([...systemctl(place), "is-enabled", systemdUnit]);
  return [
    ...(/^(active|activating|deactivating|reloading|refreshing)\b/.test(active)
      ? [`the service, "${active}"`]
      : []),
    ...(enabled.code === 0 ? [`the service's start at boot, "${enabled.output}"`] : []),
  ];
}

/**
 * The processes that run the service's program as a monitor, where no manager can be asked and `ps` is there. Only on
 * Linux: elsewhere a manager that is not there runs nothing.
 */
export async function monitorsOf({ os, program }: Place, ask: Ask): Promise<string[]> {
  if (os !== "linux") return [];
  const { code, output } = await ask(["ps", "-e", "-o", "pid=", "-o", "args="]);
  if (code !== 0) return [];
  return output.split("\n").map((line) => line.trim()).filter((line) => line.includes(`${program} monitor`))
    .map((line) => `process ${line}`);
}

async function isSame(one: string, other: string): Promise<boolean> {
  try {
    return await Deno.realPath(one) === await Deno.realPath(other);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
