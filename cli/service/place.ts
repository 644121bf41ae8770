import { posix } from "node:path";
import { CliError } from "../errors.ts";
import type { Environment } from "../places.ts";

/** Where a service of this host lives: that of the whole system, or that of one user. */
export interface Place {
  os: "linux" | "darwin" | "windows";
  scope: "system" | "user";
  /** The program that the service runs. */
  program: string;
  /** The unit, plist or task that the service manager reads. */
  unit: string;
  /** What the running service keeps, with the credentials file in it; uninstall removes these whole. */
  folders: string[];
  credentials: string;
  /** The log of managers that keep none themselves. */
  log: string | null;
  /** What a unit of systemd takes its variables from, if it is there. */
  environmentFile: string;
  uid: number;
}

const { join } = posix;

/** Every unit, plist and task that we write has this line, and nothing without it is overwritten or removed. */
export const marker = "Written by openclaw";

export const systemdUnit = "openclaw.service";
export const launchdLabel = "dev.openclaw.agent";
export const windowsTask = "openclaw";

/** @throws {CliError} `usage` where there is no service manager that we know */
export function placeOf(
  environment: Environment,
  { os, user, uid }: { os: typeof Deno.build.os; user: boolean; uid: number },
): Place {
  const home = environment(os === "windows" ? "USERPROFILE" : "HOME") ?? ".";
  if (os === "linux") return user ? linuxUser(environment, home, uid) : linuxSystem(uid);
  if (os === "darwin") return user ? macUser(home, uid) : macSystem(uid);
  if (os === "windows") return windows(environment, home);
  throw new CliError("usage", `Cannot install a service on ${os}: systemd, launchd or Windows is wanted`, {
    hint: "start openclaw monitor with this host's own means",
  });
}

function linuxSystem(uid: number): Place {
  return {
    os: "linux",
    scope: "system",
    program: "/usr/local/bin/openclaw",
    unit: `/etc/systemd/system/${systemdUnit}`,
    folders: ["/var/lib/openclaw", "/var/lib/private/openclaw"],
    credentials: "/var/lib/openclaw/credentials.json",
    log: null,
    environmentFile: "/etc/default/openclaw",
    uid,
  };
}

function linuxUser(environment: Environment, home: string, uid: number): Place {
  const config = environment("XDG_CONFIG_HOME") ?? join(home, ".config");
  const state = environment("XDG_STATE_HOME") ?? join(home, ".local", "state");
  return {
    os: "linux",
    scope: "user",
    program: join(home, ".local", "bin", "openclaw"),
    unit: join(config, "systemd", "user", systemdUnit),
    folders: [join(config, "openclaw"), join(state, "openclaw")],
    credentials: join(config, "openclaw", "credentials.json"),
    log: null,
    environmentFile: join(config, "openclaw", "environment"),
    uid,
  };
}

function macSystem(uid: number): Place {
  // The daemon runs as root, whose home this is.
  const folder = "/var/root/Library/Application Support/openclaw";
  return {
    os: "darwin",
    scope: "system",
    program: "/usr/local/bin/openclaw",
    unit: `/Library/LaunchDaemons/${launchdLabel}.plist`,
    folders: [folder],
    credentials: join(folder, "credentials.json"),
    log: join(folder, "openclaw.log"),
    environmentFile: "",
    uid,
  };
}

function macUser(home: string, uid: number): Place {
  const folder = join(home, "Library", "Application Support", "openclaw");
  return {
    os: "darwin",
    scope: "user",
    program: join(home, ".local", "bin", "openclaw"),
    unit: join(home, "Library", "LaunchAgents", `${launchdLabel}.plist`),
    folders: [folder],
    credentials: join(folder, "credentials.json"),
    log: join(folder, "openclaw.log"),
    environmentFile: "",
    uid,
  };
}

/** A task of the user who installs it; the definition is kept beside the credentials for the scheduler to read. */
function windows(environment: Environment, home: string): Place {
  const folder = `${environment("APPDATA") ?? `${home}\\AppData\\Roaming`}\\openclaw`;
  const programs = environment("LOCALAPPDATA") ?? `${home}\\AppData\\Local`;
  return {
    os: "windows",
    scope: "user",
    program: `${programs}\\Programs\\openclaw\\openclaw.exe`,
    unit: `${folder}\\openclaw-task.xml`,
    folders: [folder],
    credentials: `${folder}\\credentials.json`,
    log: `${folder}\\openclaw.log`,
    environmentFile: "",
    uid: 0,
  };
}
