import { defineService } from "./definition.ts";
import { launchdLabel, type Place, systemdUnit, windowsTask } from "./place.ts";

/** One thing that an installation does, as data: to be shown, or to be done. */
export type Step =
  | { do: "copy program"; from: string; to: string }
  | { do: "write credentials"; path: string }
  | { do: "write"; path: string; text: string }
  /** `mayFail`: it is only there to end what may not be running. */
  | { do: "run"; words: string[]; mayFail?: true }
  | { do: "remove"; path: string }
  | { do: "remove program"; path: string };

/** What `service install` does. Doing it twice is doing it once. */
export function installSteps(place: Place, program: string, storesCredentials: boolean): Step[] {
  return [
    ...(program === place.program ? [] : [{ do: "copy program", from: program, to: place.program } as const]),
    ...(storesCredentials ? [{ do: "write credentials", path: place.credentials } as const] : []),
    { do: "write", path: place.unit, text: defineService(place) },
    ...startSteps(place),
  ];
}

/** What `service uninstall` does: afterwards nothing is left. */
export function uninstallSteps(place: Place, { keepCredentials }: { keepCredentials: boolean }): Step[] {
  return [
    ...stopSteps(place),
    { do: "remove", path: place.unit },
    ...reloadSteps(place),
    ...(keepCredentials ? [] : place.folders.map((path) => ({ do: "remove", path }) as const)),
    // Windows lets nobody remove a program that runs; it is named as what is left.
    ...(place.os === "windows" ? [] : [{ do: "remove program", path: place.program } as const]),
  ];
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
      {
        do: "run",
        words: ["launchctl", "bootout", `${launchdDomain(place)}/${launchdLabel}`],
        mayFail: true,
      },
      { do: "run", words: ["launchctl", "bootstrap", launchdDomain(place), place.unit] },
    ];
  }
  return [
    { do: "run", words: ["schtasks", "/Create", "/TN", windowsTask, "/XML", place.unit, "/F"] },
    { do: "run", words: ["schtasks", "/End", "/TN", windowsTask], mayFail: true },
    { do: "run", words: ["schtasks", "/Run", "/TN", windowsTask] },
  ];
}

function reloadSteps(place: Place): Step[] {
  return place.os === "linux" ? [{ do: "run", words: [...systemctl(place), "daemon-reload"] }] : [];
}

function stopSteps(place: Place): Step[] {
  if (place.os === "linux") {
    return [{ do: "run", words: [...systemctl(place), "disable", "--now", systemdUnit] }];
  }
  if (place.os === "darwin") {
    return [{
      do: "run",
      words: ["launchctl", "bootout", `${launchdDomain(place)}/${launchdLabel}`],
      mayFail: true,
    }];
  }
  return [
    { do: "run", words: ["schtasks", "/End", "/TN", windowsTask], mayFail: true },
    { do: "run", words: ["schtasks", "/Delete", "/TN", windowsTask, "/F"] },
  ];
}

/** How the service manager is asked about the service; its exit code 0 means that it runs. */
export function stateWords(place: Place): string[] {
  if (place.os === "linux") return [...systemctl(place), "is-active", systemdUnit];
  if (place.os === "darwin") return ["launchctl", "print", `${launchdDomain(place)}/${launchdLabel}`];
  return ["schtasks", "/Query", "/TN", windowsTask, "/FO", "LIST"];
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
    case "remove":
      return `remove ${step.path}`;
    case "remove program":
      return `remove ${step.path}, if it is ours`;
  }
}

function systemctl({ scope }: Place): string[] {
  return scope === "user" ? ["systemctl", "--user"] : ["systemctl"];
}

function launchdDomain({ scope, uid }: Place): string {
  return scope === "system" ? "system" : `gui/${uid}`;
}
