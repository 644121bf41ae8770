import type { ServiceLayout } from "./layout.ts";

/** The commands that tell whether the service manager answers, what it knows of the service, and its state. */
export function managerCommands(
  layout: ServiceLayout,
): { answers: string[]; known: string[]; state: string[] } {
  if (layout.os === "linux") {
    return {
      answers: [...systemctl(layout), "show-environment"],
      known: [...systemctl(layout), "show", "--property=FragmentPath", layout.names.unit],
      state: [...systemctl(layout), "is-active", layout.names.unit],
    };
  }
  if (layout.os === "darwin") {
    const job = ["launchctl", "print", `${launchdDomain(layout)}/${layout.names.label}`];
    return { answers: ["launchctl", "print", launchdDomain(layout)], known: job, state: job };
  }
  const state = `(Get-ScheduledTask -TaskPath '\\' -TaskName '${layout.names.word}').State`;
  return {
    answers: ["schtasks", "/Query", "/FO", "CSV", "/NH"],
    known: ["schtasks", "/Query", "/TN", layout.names.word, "/XML"],
    // What schtasks says of it is in the language of the host.
    state: ["powershell", "-NoProfile", "-NonInteractive", "-Command", state],
  };
}

/** The command that shows the service's last lines. */
export function logCommand(
  layout: ServiceLayout,
  { lines, follow }: { lines: number; follow: boolean },
): string[] {
  if (layout.os === "linux") {
    const user = layout.scope === "user" ? ["--user"] : [];
    return [
      "journalctl",
      ...user,
      "--unit",
      layout.names.unit,
      "--lines",
      String(lines),
      ...(follow ? ["--follow"] : []),
    ];
  }
  if (layout.os === "darwin") {
    return ["tail", "-n", String(lines), ...(follow ? ["-F"] : []), layout.log ?? ""];
  }
  const path = (layout.log ?? "").replaceAll("'", "''");
  const command = `Get-Content -LiteralPath '${path}' -Tail ${lines}${follow ? " -Wait" : ""}`;
  return ["powershell", "-NoProfile", "-Command", command];
}

export function systemctl({ scope }: ServiceLayout): string[] {
  return scope === "user" ? ["systemctl", "--user"] : ["systemctl"];
}

export function launchdDomain({ scope, uid }: ServiceLayout): string {
  return scope === "system" ? "system" : `gui/${uid}`;
}
