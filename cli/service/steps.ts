import { defineService } from "./definition.ts";
import { noOptions, type ServiceOptions } from "./options.ts";
import { launchdLabel, type Place, systemdUnit, wantsLinks, windowsTask } from "./layout.ts";

/** One thing that an installation does, as data: to be shown, or to be done. */
export type Step =
  | { do: "copy program"; from: string; to: string }
  | { do: "write credentials"; path: string }
  | { do: "write"; path: string; text: string }
  /** `mayFail`: it is only there to end what may not be running. */
  | { do: "run"; words: string[]; mayFail?: true }
  /** Waits, some seconds at most, until a program of the host answers no. */
  | { do: "wait until gone"; words: string[] }
  | { do: "remove"; path: string }
  | { do: "remove link"; path: string; to: string }
  /** Only what this program or an installer wrote there; the folder too, when nothing else is in it. */
  | { do: "remove own files"; folder: string; log: string | null }
  | { do: "remove program"; path: string }
  /** What an installation left beside it that was cut off. */
  | { do: "remove rests"; path: string };

export interface InstallOptions {
  storesCredentials: boolean;
  options?: ServiceOptions;
}

export interface UninstallOptions {
  keepCredentials: boolean;
  /** Whether the service manager is there, and the service that it knows is ours. */
  asksManager: boolean;
  /** The program that does it. */
  self: string;
}

/** What `service install` does. Doing it twice is doing it once. */
export function installSteps(
  place: Place,
  program: string,
  { storesCredentials, options = noOptions }: InstallOptions,
): Step[] {
  return [
    // Windows lets nobody replace a program that runs.
    ...(place.os === "windows" ? stopSteps(place) : []),
    ...(program === place.program ? [] : [{ do: "copy program", from: program, to: place.program } as const]),
    ...(storesCredentials ? [{ do: "write credentials", path: place.credentials } as const] : []),
    { do: "write", path: place.unit, text: defineService(place, options) },
    ...startSteps(place),
  ];
}

/** What `service uninstall` does: afterwards nothing of ours is left. */
export function uninstallSteps(
  place: Place,
  { keepCredentials, asksManager, self }: UninstallOptions,
): Step[] {
  // Windows lets nobody remove a program that runs; it is named as what is left.
  const programs = [...place.scripts, ...(isLeft(place, self) ? [] : [place.program])];
  return [
    ...(asksManager ? [...stopSteps(place), ...forgetSteps(place)] : []),
    { do: "remove", path: place.unit },
    ...wantsLinks(place).map((path) => ({ do: "remove link", path, to: place.unit }) as const),
    ...(asksManager ? reloadSteps(place) : []),
    ...(keepCredentials ? [] : place.folders.map((folder) => ownFiles(place, folder))),
    ...programs.map((path) => ({ do: "remove program", path }) as const),
    ...[place.unit, place.program, ...place.scripts].map((path) => ({ do: "remove rests", path }) as const),
  ];
}

/** Whether the program stays where it is, because it is the one that runs. */
export function isLeft(place: Place, self: string): boolean {
  return place.os === "windows" && self.toLowerCase() === place.program.toLowerCase();
}

/** Ends what an installation that failed has started; the definition is still there. */
export function endSteps(place: Place, { isDefined }: Before): Step[] {
  return [...stopSteps(place), ...(isDefined ? [] : forgetSteps(place))].map(leniently);
}

/** Has the service manager take what is there again: a definition of ours, or none. */
export function restoreSteps(place: Place, { isDefined, wasStarted }: Before): Step[] {
  if (!isDefined) return reloadSteps(place).map(leniently);
  return (wasStarted ? startSteps(place) : defineSteps(place)).map(leniently);
}

function leniently(step: Step): Step {
  return step.do === "run" ? { ...step, mayFail: true } : step;
}

/** What there was before a change. */
export interface Before {
  isDefined: boolean;
  /** Whether it ran, or its manager was about to start it again. */
  wasStarted: boolean;
}

function ownFiles(place: Place, folder: string): Step {
  return { do: "remove own files", folder, log: place.log };
}

function startSteps(place: Place): Step[] {
  if (place.os === "linux") {
    return [
      ...reloadSteps(place),
      { do: "run", words: [...systemctl(place), "enable", systemdUnit] },
      { do: "run", words: [...systemctl(place), "restart", systemdUnit] },
    ];
  }
  if (place.os === "darwin") {
    return [
      ...stopSteps(place),
      { do: "run", words: ["launchctl", "bootstrap", launchdDomain(place), place.unit] },
    ];
  }
  return [
    ...defineSteps(place),
    ...stopSteps(place),
    { do: "run", words: ["schtasks", "/Run", "/TN", windowsTask] },
  ];
}

/** The manager knows the definition, and starts nothing for it. */
function defineSteps(place: Place): Step[] {
  if (place.os !== "windows") return reloadSteps(place);
  return [{ do: "run", words: ["schtasks", "/Create", "/TN", windowsTask, "/XML", place.unit, "/F"] }];
}

function reloadSteps(place: Place): Step[] {
  if (place.os !== "linux") return [];
  return [
    { do: "run", words: [...systemctl(place), "daemon-reload"] },
    { do: "run", words: [...systemctl(place), "reset-failed", systemdUnit], mayFail: true },
  ];
}

/** Each may fail, where there is nothing to stop; whether it stopped is looked at afterwards. */
function stopSteps(place: Place): Step[] {
  if (place.os === "linux") {
    return [{ do: "run", words: [...systemctl(place), "stop", systemdUnit], mayFail: true }];
  }
  if (place.os === "darwin") {
    return [
      {
        do: "run",
        words: ["launchctl", "bootout", `${launchdDomain(place)}/${launchdLabel}`],
        mayFail: true,
      },
      // It comes back at once; to bootstrap what is still on its way out fails with 5.
      { do: "wait until gone", words: askWords(place).known },
    ];
  }
  return [{ do: "run", words: ["schtasks", "/End", "/TN", windowsTask], mayFail: true }];
}

/** What would start the service again at the next boot or logon. */
function forgetSteps(place: Place): Step[] {
  if (place.os === "darwin") return [];
  const words = place.os === "linux"
    ? [...systemctl(place), "disable", systemdUnit]
    : ["schtasks", "/Delete", "/TN", windowsTask, "/F"];
  return [{ do: "run", words, mayFail: true }];
}

/** What the service manager is asked: whether it answers, what it knows of the service, and how that one is. */
export function askWords(place: Place): { answers: string[]; known: string[]; state: string[] } {
  if (place.os === "linux") {
    return {
      answers: [...systemctl(place), "show-environment"],
      known: [...systemctl(place), "show", "--property=FragmentPath", systemdUnit],
      state: [...systemctl(place), "is-active", systemdUnit],
    };
  }
  if (place.os === "darwin") {
    const job = ["launchctl", "print", `${launchdDomain(place)}/${launchdLabel}`];
    return { answers: ["launchctl", "print", launchdDomain(place)], known: job, state: job };
  }
  const state = `(Get-ScheduledTask -TaskPath '\\' -TaskName '${windowsTask}').State`;
  return {
    answers: ["schtasks", "/Query", "/FO", "CSV", "/NH"],
    known: ["schtasks", "/Query", "/TN", windowsTask, "/XML"],
    // What schtasks says of it is in the language of the host.
    state: ["powershell", "-NoProfile", "-NonInteractive", "-Command", state],
  };
}

/** How the service's last lines are shown. */
export function logWords(place: Place, { lines, follow }: { lines: number; follow: boolean }): string[] {
  if (place.os === "linux") {
    const user = place.scope === "user" ? ["--user"] : [];
    return [
      "journalctl",
      ...user,
      "--unit",
      systemdUnit,
      "--lines",
      String(lines),
      ...(follow ? ["--follow"] : []),
    ];
  }
  if (place.os === "darwin") return ["tail", "-n", String(lines), ...(follow ? ["-F"] : []), place.log ?? ""];
  const path = (place.log ?? "").replaceAll("'", "''");
  const command = `Get-Content -LiteralPath '${path}' -Tail ${lines}${follow ? " -Wait" : ""}`;
  return ["powershell", "-NoProfile", "-Command", command];
}

export function showStep(step: Step): string {
  switch (step.do) {
    case "copy program":
      return `copy ${step.from} to ${step.to}`;
    case "write credentials":
      return `write the credentials to ${step.path}, for the service alone to read`;
    case "write":
      return `write ${step.path}:\n${step.text.replace(/^/gm, "    ").trimEnd()}`;
    case "run":
      return `run ${step.words.join(" ")}`;
    case "wait until gone":
      return `wait until this fails: ${step.words.join(" ")}`;
    case "remove":
      return `remove ${step.path}`;
    case "remove link":
      return `remove ${step.path}, if it leads to ${step.to}`;
    case "remove own files":
      return `remove openclaw's own files in ${step.folder}, and the folder if nothing else is there`;
    case "remove program":
      return `remove ${step.path}, if it is ours`;
    case "remove rests":
      return `remove what an installation left beside ${step.path} that was cut off`;
  }
}

/** A step without the text that it writes. */
export function outlineStep(step: Step): string {
  return showStep(step).split(":\n")[0] ?? "";
}

export function systemctl({ scope }: Place): string[] {
  return scope === "user" ? ["systemctl", "--user"] : ["systemctl"];
}

function launchdDomain({ scope, uid }: Place): string {
  return scope === "system" ? "system" : `gui/${uid}`;
}
