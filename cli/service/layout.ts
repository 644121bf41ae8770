import { posix } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { type Environment, xdgFolders } from "../host/paths.ts";

/** The files of a service of this host: the whole system's, or one user's. */
export interface ServiceLayout {
  os: "linux" | "darwin" | "windows";
  scope: "system" | "user";
  /** The program that the service runs. */
  program: string;
  /** The unit, plist or task that the service manager reads. */
  unit: string;
  /** What an installation has put on this host. A service with a user of its own may not write to it. */
  manifest: string;
  /** What the running service keeps, with the credentials file in it; other programs may keep things there too. */
  folders: string[];
  credentials: string;
  session: string;
  /** The log of managers that keep none themselves. */
  log: string | null;
  /** What a unit of systemd takes its variables from, if it is there. */
  environmentFile: string;
  /** The home of the user that the service runs as, where its manager does not know it. */
  home: string;
  uid: number;
  /** The user whose logon starts the task. */
  account: string;
}

const { join } = posix;

export const systemdUnit = "openclaw.service";
export const launchdLabel = "dev.openclaw.agent";
export const windowsTask = "openclaw";
/** Root's, for the system's service: systemd gives the state folder to the agent's user. */
const systemManifest = "/usr/local/lib/openclaw/install.json";

/** What `systemctl enable` may have put beside the unit. */
export function wantsLinks({ os, unit }: ServiceLayout): string[] {
  if (os !== "linux") return [];
  return ["default.target", "multi-user.target"]
    .map((target) => join(posix.dirname(unit), `${target}.wants`, systemdUnit));
}

/** @throws {CliError} `usage` where there is no service manager that we know */
export function serviceLayout(
  environment: Environment,
  { os, user, uid }: { os: typeof Deno.build.os; user: boolean; uid: number },
): ServiceLayout {
  const home = environment(os === "windows" ? "USERPROFILE" : "HOME") ?? ".";
  if (os === "linux") return user ? linuxUser(environment, home, uid) : linuxSystem(uid);
  if (os === "darwin") return user ? macUser(home, uid) : macSystem(uid);
  if (os === "windows") return windows(environment, home);
  throw new CliError("usage", `Cannot install a service on ${os}: systemd, launchd or Windows is expected`, {
    hint: "start openclaw monitor with this host's own means",
  });
}

function linuxSystem(uid: number): ServiceLayout {
  return {
    os: "linux",
    scope: "system",
    program: "/usr/local/bin/openclaw",
    unit: `/etc/systemd/system/${systemdUnit}`,
    manifest: systemManifest,
    // systemd makes the second one a link to the first, where the service has a user of its own.
    folders: ["/var/lib/private/openclaw", "/var/lib/openclaw"],
    credentials: "/var/lib/openclaw/credentials.json",
    session: "/var/lib/openclaw/session.json",
    log: null,
    environmentFile: "/etc/default/openclaw",
    home: "",
    uid,
    account: "",
  };
}

function linuxUser(environment: Environment, home: string, uid: number): ServiceLayout {
  const { config, state } = xdgFolders(environment, home);
  return {
    os: "linux",
    scope: "user",
    program: join(home, ".local", "bin", "openclaw"),
    unit: join(config, "systemd", "user", systemdUnit),
    manifest: join(config, "openclaw", "install.json"),
    folders: [join(config, "openclaw"), join(state, "openclaw")],
    credentials: join(config, "openclaw", "credentials.json"),
    session: join(state, "openclaw", "session.json"),
    log: null,
    environmentFile: join(config, "openclaw", "environment"),
    home,
    uid,
    account: "",
  };
}

function macSystem(uid: number): ServiceLayout {
  // The daemon runs as root, whose home this is.
  const home = "/var/root";
  const folder = join(home, "Library", "Application Support", "openclaw");
  return {
    os: "darwin",
    scope: "system",
    program: "/usr/local/bin/openclaw",
    unit: `/Library/LaunchDaemons/${launchdLabel}.plist`,
    manifest: systemManifest,
    folders: [folder],
    credentials: join(folder, "credentials.json"),
    session: join(folder, "session.json"),
    log: join(folder, "openclaw.log"),
    environmentFile: "",
    home,
    uid,
    account: "",
  };
}

function macUser(home: string, uid: number): ServiceLayout {
  const folder = join(home, "Library", "Application Support", "openclaw");
  return {
    os: "darwin",
    scope: "user",
    program: join(home, ".local", "bin", "openclaw"),
    unit: join(home, "Library", "LaunchAgents", `${launchdLabel}.plist`),
    manifest: join(folder, "install.json"),
    folders: [folder],
    credentials: join(folder, "credentials.json"),
    session: join(folder, "session.json"),
    log: join(folder, "openclaw.log"),
    environmentFile: "",
    home,
    uid,
    account: "",
  };
}

/** A task of the user that installs it; the definition is kept beside the credentials for the scheduler to read. */
function windows(environment: Environment, home: string): ServiceLayout {
  const folder = `${environment("APPDATA") ?? `${home}\\AppData\\Roaming`}\\openclaw`;
  const programs = `${environment("LOCALAPPDATA") ?? `${home}\\AppData\\Local`}\\openclaw`;
  return {
    os: "windows",
    scope: "user",
    program: `${programs}\\openclaw.exe`,
    unit: `${folder}\\task.xml`,
    manifest: `${folder}\\install.json`,
    folders: [folder],
    credentials: `${folder}\\credentials.json`,
    session: `${folder}\\session.json`,
    log: `${folder}\\openclaw.log`,
    environmentFile: "",
    home,
    uid: 0,
    account: `${environment("USERDOMAIN") ?? "."}\\${environment("USERNAME") ?? ""}`,
  };
}
