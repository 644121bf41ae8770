import { join } from "node:path";
import { definedElsewhere, leftOver, managerFault, monitorsOf } from "./manager.ts";
import { assertProgramIsOurs, readOurDefinition } from "./ours.ts";
import { isThere, restsOf, sortNames } from "./own_files.ts";
import { type Ask, leadsTo } from "./perform.ts";
import type { Place } from "./layout.ts";
import { isLeft, type Step, uninstallSteps } from "./steps.ts";

export interface Removal {
  steps: Step[];
  /** Why the service manager is left alone, if it is. */
  unasked: string | null;
  /** Whether the manager has a service of our name that is another's. */
  isElsewhere: boolean;
}

/** What an uninstallation would do. `ask` is null where nobody is to be asked. */
export async function planRemoval(
  place: Place,
  { keepCredentials, ask }: { keepCredentials: boolean; ask: Ask | null },
): Promise<Removal> {
  await readOurDefinition(place);
  for (const path of [place.program, ...place.scripts]) await assertProgramIsOurs(path);
  const fault = ask === null ? null : await managerFault(place, ask);
  const elsewhere = ask === null || fault !== null ? null : await definedElsewhere(place, ask);
  return {
    steps: uninstallSteps(place, {
      keepCredentials,
      asksManager: fault === null && elsewhere === null,
      self: Deno.execPath(),
    }),
    unasked: elsewhere === null ? fault : `the service that it has is another one, in ${elsewhere}`,
    isElsewhere: elsewhere !== null,
  };
}

/** What is still there of what an uninstallation removes: files, links, and what the service manager knows. */
export async function findLeft(
  place: Place,
  { steps, unasked, isElsewhere }: Removal,
  ask: Ask,
): Promise<string[]> {
  const files = await Promise.all(steps.map(findAt));
  const services = unasked === null
    ? await leftOver(place, ask)
    : isElsewhere
    ? []
    : await monitorsOf(place, ask);
  return [...files.flat(), ...services];
}

/** What stays because it is not ours, or, on Windows, because it runs. */
export async function findKept(place: Place, steps: Step[]): Promise<string[]> {
  const folders = await withoutLinks(
    steps.flatMap((step) => step.do === "remove own files" ? [step.folder] : []),
  );
  const inFolders = (await Promise.all(folders.map(async (folder) => {
    const { others } = await sortNames(folder, place.log);
    return others.map((name) => join(folder, name));
  }))).flat();
  const beside = [place.environmentFile, ...(place.os === "linux" ? [`${place.unit}.d`] : [])];
  const kept = [...inFolders, ...await those(beside.filter((path) => path !== ""))];
  if (isLeft(place, Deno.execPath())) kept.push(place.program);
  return [...new Set(kept)];
}

/** Those of the paths at which something is. */
async function those(paths: string[]): Promise<string[]> {
  const there: string[] = [];
  for (const path of paths) if (await isThere(Deno.lstat, path)) there.push(path);
  return there;
}

/** systemd has one folder under two names. */
async function withoutLinks(folders: string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of folders) if (await isThere(Deno.stat, folder)) found.add(await Deno.realPath(folder));
  return [...found];
}

/** What is there of what one step removes. */
export async function findAt(step: Step): Promise<string[]> {
  switch (step.do) {
    case "remove":
    case "remove program":
      return await those([step.path]);
    case "remove rests":
      return await those(restsOf(step.path));
    case "remove link":
      return await leadsTo(step.path, step.to) ? [step.path] : [];
    case "remove own files":
      return (await sortNames(step.folder, step.log)).ours.map((name) => join(step.folder, name));
    default:
      return [];
  }
}
