import { isOurTask } from "./definition/task.ts";
import type { Ask } from "./perform.ts";
import type { ServiceLayout } from "./layout.ts";
import { managerCommands, systemctl } from "./manager_commands.ts";

/** Why the service manager does not answer, in its own words; null when it does. */
export async function managerFault(layout: ServiceLayout, ask: Ask): Promise<string | null> {
  const { code, output } = await ask(managerCommands(layout).answers);
  if (code === 0) return null;
  return output.split("\n")[0] || `it ends with ${code}`;
}

/** The file from which the manager has a service of our name, when that is not our definition. */
export async function definedElsewhere(layout: ServiceLayout, ask: Ask): Promise<string | null> {
  const { code, output } = await ask(managerCommands(layout).known);
  if (code !== 0) return null;
  if (layout.os === "windows") {
    return isOurTask(output.replaceAll("\u0000", "")) ? null : "the task scheduler";
  }
  const path = /^\s*(?:FragmentPath=|path = )(.+)$/m.exec(output)?.[1]?.trim();
  if (path === undefined || path === layout.unit || await isSame(path, layout.unit)) return null;
  return path;
}

/** What the manager still knows, or still runs, of the service. */
export async function leftOver(layout: ServiceLayout, ask: Ask): Promise<string[]> {
  if (layout.os !== "linux") {
    const { code } = await ask(managerCommands(layout).known);
    return code === 0 ? ["the service, as its manager knows it"] : [];
  }
  const { output: active } = await ask(managerCommands(layout).state);
  const enabled = await ask([...systemctl(layout), "is-enabled", layout.names.unit]);
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
export async function monitorsOf({ os, program }: ServiceLayout, ask: Ask): Promise<string[]> {
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
