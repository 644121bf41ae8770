import { dirname } from "node:path";
import { defineService } from "./definition.ts";
import { noOptions, type ServiceOptions } from "./options.ts";
import { type ServiceLayout, wantsLinks } from "./layout.ts";
import { launchdDomain, managerCommands, systemctl } from "./manager_commands.ts";
import type { Manifest } from "./manifest.ts";
import { changingNames } from "./own_files.ts";

/** One thing that an installation does, as data: to be shown, or to be done. */
export type Step =
  | { do: "copy program"; from: string; to: string }
  | { do: "write credentials"; path: string }
  | { do: "write"; path: string; text: string }
  /** Readable by every user, or by its owner only. */
  | { do: "write manifest"; path: string; text: string; mode: number }
  /** `mayFail`: it is only there to end what may not be running. */
  | { do: "run"; words: string[]; mayFail?: true }
  /** Tells the server that the agent, which has just been stopped, means to be back soon. */
  | { do: "announce return" }
  /** Waits, some seconds at most, until a program of the host answers no. */
  | { do: "wait until gone"; words: string[] }
  /** Only a file with one of these hashes. */
  | { do: "remove"; path: string; sha256: string[] }
  | { do: "remove link"; path: string; to: string }
  | { do: "make second name"; path: string; program: string }
  | { do: "remove second name"; path: string; program: string }
  /** Only those of these names that the service wrote, and its temporary files; the folder too, when it is then empty. */
  | { do: "remove own files"; folder: string; names: string[] }
  | { do: "remove manifest"; path: string }
  | { do: "remove empty folder"; path: string }
  /** What an installation that was cut off has left beside a file. */
  | { do: "remove leftovers"; path: string };

export interface InstallOptions {
  storesCredentials: boolean;
  options?: ServiceOptions;
  /** The manifest's text: while the files are replaced, and when they are in place. */
  manifest: { during: string; after: string };
  /** The files of an earlier installation that this one does not have. */
  former?: [path: string, sha256: string[]][];
  /** Whether it takes the place of an earlier installation. */
  isUpgrade?: boolean;
}

export interface UninstallOptions {
  manifest: Manifest | null;
  keepCredentials: boolean;
  /** Whether the service manager is there, and the service that it knows is ours. */
  asksManager: boolean;
  /** The program that does it. */
  self: string;
}

/** What `service install` does. To do it twice is to do it once. */
export function installSteps(
  layout: ServiceLayout,
  program: string,
  { storesCredentials, options = noOptions, manifest, former = [], isUpgrade = false }: InstallOptions,
): Step[] {
  const record = {
    do: "write manifest",
    path: layout.manifest,
    mode: layout.scope === "system" ? 0o644 : 0o600,
  } as const;
  return [
    // Whatever ends this run, what it wrote is known to the next one.
    { ...record, text: manifest.during },
    // On Windows, a program that runs cannot be replaced.
    ...(layout.os === "windows" ? stopSteps(layout) : []),
    ...(program === layout.program
      ? []
      : [{ do: "copy program", from: program, to: layout.program } as const]),
    ...(storesCredentials ? [{ do: "write credentials", path: layout.credentials } as const] : []),
    { do: "write", path: layout.unit, text: defineService(layout, options) },
    ...startSteps(layout, { announces: isUpgrade }),
    ...former.map(([path, sha256]) => ({ do: "remove", path, sha256 }) as const),
    { ...record, text: manifest.after },
  ];
}

/** What `service restart` does. */
export function restartSteps(layout: ServiceLayout): Step[] {
  return startSteps(layout, { announces: true });
}

/** What `service uninstall` does: afterwards nothing of ours is left. The manifest goes last. */
export function uninstallSteps(
  layout: ServiceLayout,
  { manifest, keepCredentials, asksManager, self }: UninstallOptions,
): Step[] {
  const hashed = hashedFiles(manifest);
  const unit = hashed.filter(({ path }) => path === layout.unit);
  // On Windows, a program that runs cannot be removed; it is named as what is left.
  const others = hashed.filter(({ path }) =>
    path !== layout.unit && !(path === layout.program && isLeft(layout, self))
  );
  const folders = [...new Set([...manifest?.folders ?? [], dirname(layout.manifest)])];
  return [
    ...(asksManager ? [...stopSteps(layout), ...forgetSteps(layout)] : []),
    ...unit,
    ...wantsLinks(layout).map((path) => ({ do: "remove link", path, to: layout.unit }) as const),
    ...(asksManager ? reloadSteps(layout) : []),
    ...(keepCredentials ? [] : layout.folders.map((folder) => ownFiles(layout, folder, manifest))),
    { do: "remove second name", path: layout.second, program: layout.program },
    ...others,
    ...[...new Set([layout.unit, layout.program, layout.manifest, ...others.map(({ path }) => path)])]
      .map((path) => ({ do: "remove leftovers", path }) as const),
    ...(manifest === null ? [] : [
      { do: "remove manifest", path: layout.manifest } as const,
      ...folders.map((path) => ({ do: "remove empty folder", path }) as const),
    ]),
  ];
}

function hashedFiles(manifest: Manifest | null): Extract<Step, { do: "remove" }>[] {
  return [...manifest?.files ?? []].flatMap(([path, sha256]) =>
    sha256 === null ? [] : [{ do: "remove", path, sha256 }]
  );
}

/** Whether the program stays where it is, because it is the one that runs. */
export function isLeft(layout: ServiceLayout, self: string): boolean {
  return layout.os === "windows" && self.toLowerCase() === layout.program.toLowerCase();
}

/** Ends what an installation that failed has started; the definition is still there. */
export function endSteps(layout: ServiceLayout, { isDefined }: Before): Step[] {
  return [...stopSteps(layout), ...(isDefined ? [] : forgetSteps(layout))].map(leniently);
}

/** Has the service manager read again what is there: a definition of ours, or none. */
export function restoreSteps(layout: ServiceLayout, { isDefined, wasStarted }: Before): Step[] {
  if (!isDefined) return reloadSteps(layout).map(leniently);
  return (wasStarted ? startSteps(layout) : defineSteps(layout)).map(leniently);
}

function leniently(step: Step): Step {
  return step.do === "run" ? { ...step, mayFail: true } : step;
}

/** The service before a change. */
export interface Before {
  isDefined: boolean;
  /** Whether it ran, or its manager was about to start it again. */
  wasStarted: boolean;
}

function ownFiles(layout: ServiceLayout, folder: string, manifest: Manifest | null): Step {
  return { do: "remove own files", folder, names: manifest === null ? [] : changingNames(layout) };
}

/** With `announces`, the server is told that a service that was there is stopped for a short time only. */
function startSteps(layout: ServiceLayout, { announces = false } = {}): Step[] {
  const announcing: Step[] = announces ? [{ do: "announce return" }] : [];
  if (layout.os === "linux") {
    return [
      ...reloadSteps(layout),
      { do: "run", words: [...systemctl(layout), "enable", layout.names.unit] },
      ...(announces ? [...stopSteps(layout), ...announcing] : []),
      { do: "run", words: [...systemctl(layout), "restart", layout.names.unit] },
    ];
  }
  if (layout.os === "darwin") {
    return [
      ...stopSteps(layout),
      ...announcing,
      { do: "run", words: ["launchctl", "bootstrap", launchdDomain(layout), layout.unit] },
    ];
  }
  return [
    ...defineSteps(layout),
    ...stopSteps(layout),
    ...announcing,
    { do: "run", words: ["schtasks", "/Run", "/TN", layout.names.word] },
  ];
}

/** The manager knows the definition, and starts nothing for it. */
function defineSteps(layout: ServiceLayout): Step[] {
  if (layout.os !== "windows") return reloadSteps(layout);
  return [{ do: "run", words: ["schtasks", "/Create", "/TN", layout.names.word, "/XML", layout.unit, "/F"] }];
}

function reloadSteps(layout: ServiceLayout): Step[] {
  if (layout.os !== "linux") return [];
  return [
    { do: "run", words: [...systemctl(layout), "daemon-reload"] },
    { do: "run", words: [...systemctl(layout), "reset-failed", layout.names.unit], mayFail: true },
  ];
}

/** Each may fail, where there is nothing to stop; whether it stopped is checked afterwards. */
function stopSteps(layout: ServiceLayout): Step[] {
  if (layout.os === "linux") {
    return [{ do: "run", words: [...systemctl(layout), "stop", layout.names.unit], mayFail: true }];
  }
  if (layout.os === "darwin") {
    return [
      {
        do: "run",
        words: ["launchctl", "bootout", `${launchdDomain(layout)}/${layout.names.label}`],
        mayFail: true,
      },
      // It returns before the job is gone, and to bootstrap one that is still there fails with 5.
      { do: "wait until gone", words: managerCommands(layout).known },
    ];
  }
  return [{ do: "run", words: ["schtasks", "/End", "/TN", layout.names.word], mayFail: true }];
}

/** Removes what would start the service again at the next boot or logon. */
function forgetSteps(layout: ServiceLayout): Step[] {
  if (layout.os === "darwin") return [];
  const words = layout.os === "linux"
    ? [...systemctl(layout), "disable", layout.names.unit]
    : ["schtasks", "/Delete", "/TN", layout.names.word, "/F"];
  return [{ do: "run", words, mayFail: true }];
}
