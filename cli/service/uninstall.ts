import { join } from "node:path";
import { definedElsewhere, leftOver, managerFault, monitorsOf } from "./manager.ts";
import { readManifest } from "./manifest.ts";
import { assertNotForeign, sha256Of } from "./ours.ts";
import { isThere, leftoversOf, sortNames } from "./own_files.ts";
import { type Ask, leadsTo } from "./perform.ts";
import type { ServiceLayout } from "./layout.ts";
import { isOurSecondName } from "./second_name.ts";
import { isLeft, type Step, uninstallSteps } from "./steps.ts";

export interface Removal {
  steps: Step[];
  /** Why the service manager is not asked, if it is not. */
  unasked: string | null;
  /** Whether the manager has another service of our name. */
  isElsewhere: boolean;
}

/** What an uninstallation would do. `ask` is null in a dry run, which asks no service manager. */
export async function planRemoval(
  layout: ServiceLayout,
  { keepCredentials, ask }: { keepCredentials: boolean; ask: Ask | null },
): Promise<Removal> {
  const manifest = await readManifest(layout);
  for (const path of [layout.unit, layout.program]) await assertNotForeign(path, manifest);
  const fault = ask === null ? null : await managerFault(layout, ask);
  const elsewhere = ask === null || fault !== null ? null : await definedElsewhere(layout, ask);
  return {
    steps: uninstallSteps(layout, {
      manifest,
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
  layout: ServiceLayout,
  { steps, unasked, isElsewhere }: Removal,
  ask: Ask,
): Promise<string[]> {
  const files = await Promise.all(steps.map(findAt));
  const services = unasked === null
    ? await leftOver(layout, ask)
    : isElsewhere
    ? []
    : await monitorsOf(layout, ask);
  return [...files.flat(), ...services];
}

/** What stays because it is not ours, was changed, or, on Windows, because it runs. */
export async function findKept(layout: ServiceLayout, steps: Step[]): Promise<string[]> {
  const inFolders = (await Promise.all(steps.map(othersIn))).flat();
  const hashed = steps.flatMap((step) => step.do === "remove" ? [step.path] : []);
  const beside = [layout.environmentFile, ...(layout.os === "linux" ? [`${layout.unit}.d`] : [])];
  const kept = [...inFolders, ...await existing([...hashed, ...beside].filter((path) => path !== ""))];
  if (isLeft(layout, Deno.execPath())) kept.push(layout.program);
  return [...new Set(kept)];
}

async function othersIn(step: Step): Promise<string[]> {
  // systemd has one folder under two names.
  if (step.do !== "remove own files" || !await isThere(Deno.stat, step.folder)) return [];
  const folder = await Deno.realPath(step.folder);
  return (await sortNames(folder, step.names)).others.map((name) => join(folder, name));
}

/** The paths at which something is. */
async function existing(paths: string[]): Promise<string[]> {
  const there: string[] = [];
  for (const path of paths) if (await isThere(Deno.lstat, path)) there.push(path);
  return there;
}

/** What is there of what one step removes. */
export async function findAt(step: Step): Promise<string[]> {
  switch (step.do) {
    case "remove":
      return step.sha256.includes(await sha256Of(step.path) ?? "") ? [step.path] : [];
    case "remove manifest":
      return await existing([step.path]);
    case "remove leftovers":
      return await existing(leftoversOf(step.path));
    case "remove link":
      return await leadsTo(step.path, step.to) ? [step.path] : [];
    case "remove second name":
      return await isOurSecondName(step.path, step.program) ? [step.path] : [];
    case "remove own files":
      return (await sortNames(step.folder, step.names)).ours.map((name) => join(step.folder, name));
    default:
      return [];
  }
}
