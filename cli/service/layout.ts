import { posix } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { type Environment, xdgFolders } from "../host/paths.ts";

/** Where a service of this host lives: that of the whole system, or that of one user. */
export interface Place {
  os: "linux" | "darwin" | "windows";
  scope: "system" | "user";
  /** The program that the service runs. */
  program: string;
  /** The unit, plist or task that the service manager reads. */
  unit: string;
  /** What the running service keeps, with the credentials file in it; other programs may keep things there too. */
  folders: string[];
  credentials: string;
  /** The log of managers that keep none themselves. */
  log: string | null;
  /** What a unit of systemd takes its variables from, if it is there. */
  environmentFile: string;
  uid: number;
  /** The agents in a script's language that an installer puts where a program with another ending stands. */
  scripts: string[];
  /** The user whose logon starts the task. */
  account: string;
}

const { join } = posix;

export const systemdUnit = "openclaw.service";
export const launchdLabel = "dev.openclaw.agent";
export const windowsTask = "openclaw";

/** What `systemctl enable` may have put beside the unit. */
export function wantsLinks({ os, unit }: Place): string[] {
  if (os !== "linux") return [];
  return ["default.target", "multi-user.target"]
    .map((target) => join(posix.dirname(unit), `${target}.wants`, systemdUnit));
}

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
    // systemd makes the second one a link to the first, where the service has a user of its own.
    folders: ["/var/lib/private/openclaw", "/var/lib/openclaw"],
    credentials: "/var/lib/openclaw/credentials.json",
    log: null,
    environmentFile: "/etc/default/openclaw",
    uid,
    scripts: [],
    account: "",
  };
}

function linuxUser(environment: Environment, home: string, uid: number): Place {
  const { config, state } = xdgFolders(environment, home);
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
    scripts: [],
    account: "",
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
    scripts: [],
    account: "",
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
    scripts: [],
    account: "",
  };
}

/** A task of the user who installs it; the definition is kept beside the credentials for the scheduler to read. */
function windows(environment: Environment, home: string): Place {
  const folder = `${environment("APPDATA") ?? `${home}\\AppData\\Roaming`}\\openclaw`;
  const programs = `${environment("LOCALAPPDATA") ?? `${home}\\AppData\\Local`}\\openclaw`;
  return {
    os: "windows",
    scope: "user",
    program: `${programs}\\openclaw.exe`,
    unit: `${folder}\\task.xml`,
    folders: [folder],
    credentials: `${folder}\\credentials.json`,
    log: `${folder}\\openclaw.log`,
    environmentFile: "",
    uid: 0,
    scripts: [`${programs}\\openclaw.py`, `${programs}\\openclaw.ps1`],
    account: `${environment("USERDOMAIN") ?? "."}\\${environment("USERNAME") ?? ""}`,
  };
}
