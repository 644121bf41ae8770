import { posix } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { nameIn, type Names, namesOf, secondName, serviceFolder } from "../host/names.ts";
import { type Environment, xdgFolders } from "../host/paths.ts";

/** The files of a service of this host: the whole system's, or one user's. */
export interface ServiceLayout {
  os: "linux" | "darwin" | "windows";
  scope: "system" | "user";
  /** What everything of ours is called here. */
  names: Names;
  /** The program that the service runs. */
  program: string;
  /** Where its second name would be: a link to it, on Windows a script that starts it. */
  second: string;
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

/** Root's, for the system's service: systemd gives the state folder to the agent's user. */
function systemManifest({ word }: Names): string {
  return `/usr/local/lib/${word}/install.json`;
}

/** What `systemctl enable` may have put beside the unit. */
export function wantsLinks({ os, unit, names }: ServiceLayout): string[] {
  if (os !== "linux") return [];
  return ["default.target", "multi-user.target"]
    .map((target) => join(posix.dirname(unit), `${target}.wants`, names.unit));
}

/** @throws {CliError} `usage` where there is no service manager that we know */
export function serviceLayout(
  environment: Environment,
  { os, user, uid }: { os: typeof Deno.build.os; user: boolean; uid: number },
): ServiceLayout {
  const home = environment(os === "windows" ? "USERPROFILE" : "HOME") ?? ".";
  const names = namesOf(nameIn(environment));
  if (os === "linux") return user ? linuxUser(environment, names, { home, uid }) : linuxSystem(names, uid);
  if (os === "darwin") return user ? macUser(names, { home, uid }) : macSystem(names, uid);
  if (os === "windows") return windows(environment, names, home);
  throw new CliError("usage", `Cannot install a service on ${os}: systemd, launchd or Windows is expected`, {
    hint: "start openclaw monitor with this host's own means",
  });
}

function linuxSystem(names: Names, uid: number): ServiceLayout {
  const folder = serviceFolder(names.word);
  return {
    os: "linux",
    scope: "system",
    names,
    program: `/usr/local/bin/${names.word}`,
    second: `/usr/local/bin/${secondName}`,
    unit: `/etc/systemd/system/${names.unit}`,
    manifest: systemManifest(names),
    // systemd makes the second one a link to the first, where the service has a user of its own.
    folders: [`/var/lib/private/${names.word}`, folder],
    credentials: `${folder}/credentials.json`,
    session: `${folder}/session.json`,
    log: null,
    environmentFile: `/etc/default/${names.word}`,
    home: "",
    uid,
    account: "",
  };
}

interface User {
  home: string;
  uid: number;
}

function linuxUser(environment: Environment, names: Names, { home, uid }: User): ServiceLayout {
  const { config, state } = xdgFolders(environment, home);
  const folder = join(config, names.word);
  return {
    os: "linux",
    scope: "user",
    names,
    program: join(home, ".local", "bin", names.word),
    second: join(home, ".local", "bin", secondName),
    unit: join(config, "systemd", "user", names.unit),
    manifest: join(folder, "install.json"),
    folders: [folder, join(state, names.word)],
    credentials: join(folder, "credentials.json"),
    session: join(state, names.word, "session.json"),
    log: null,
    environmentFile: join(folder, "environment"),
    home,
    uid,
    account: "",
  };
}

function macSystem(names: Names, uid: number): ServiceLayout {
  // The daemon runs as root, whose home this is.
  const home = "/var/root";
  return {
    ...macUser(names, { home, uid }),
    scope: "system",
    program: `/usr/local/bin/${names.word}`,
    second: `/usr/local/bin/${secondName}`,
    unit: `/Library/LaunchDaemons/${names.label}.plist`,
    manifest: systemManifest(names),
  };
}

function macUser(names: Names, { home, uid }: User): ServiceLayout {
  const folder = join(home, "Library", "Application Support", names.word);
  return {
    os: "darwin",
    scope: "user",
    names,
    program: join(home, ".local", "bin", names.word),
    second: join(home, ".local", "bin", secondName),
    unit: join(home, "Library", "LaunchAgents", `${names.label}.plist`),
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
function windows(environment: Environment, names: Names, home: string): ServiceLayout {
  const { word } = names;
  const folder = `${environment("APPDATA") ?? `${home}\\AppData\\Roaming`}\\${word}`;
  const programs = `${environment("LOCALAPPDATA") ?? `${home}\\AppData\\Local`}\\${word}`;
  return {
    os: "windows",
    scope: "user",
    names,
    program: `${programs}\\${word}.exe`,
    second: `${programs}\\${secondName}.cmd`,
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
