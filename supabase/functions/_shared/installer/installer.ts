import { isFitForSecrets } from "../address.ts";
import { ContractError } from "../http/errors.ts";
import { installers } from "./installers.generated.ts";

export type Shell = keyof typeof installers;

/** An installer as a file. */
export interface Installer {
  filename: string;
  content: string;
}

/** What is filled into an installer. */
interface InstallerValues {
  url: string;
  /** The agent that it installs. Without one, the installer takes an id and a secret from its own environment. */
  agent?: { id: string; secret: string };
}

interface Blank {
  name: string;
  empty: string;
}

interface Dialect {
  extension: string;
  /** The lines that are written into it: the name as it stands in the file, to the end of its `=`. */
  names: { url: string; id: string; secret: string };
  /** The literal that stands there in the file. */
  empty: string;
  /** Any text as a literal. */
  quote: (text: string) => string;
}

export const shells: readonly Shell[] = ["bash", "powershell", "python"];

const dialects: Record<Shell, Dialect> = {
  bash: {
    extension: "sh",
    names: { url: "  baked_url=", id: "  baked_agent_id=", secret: "  baked_agent_secret=" },
    empty: "''",
    quote: (text) => `'${text.replaceAll("'", "'\\''")}'`,
  },
  powershell: {
    extension: "ps1",
    names: { url: "    $BakedUrl = ", id: "    $BakedAgentId = ", secret: "    $BakedAgentSecret = " },
    empty: "''",
    // PowerShell takes the typographic quotes for quotes, too.
    quote: (text) => `'${text.replaceAll(/['\u2018-\u201b]/g, "$&$&")}'`,
  },
  python: {
    extension: "py",
    names: { url: "BAKED_URL = ", id: "BAKED_AGENT_ID = ", secret: "BAKED_AGENT_SECRET = " },
    empty: '""',
    quote: (text) => JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, escapeUnit),
  },
};

/** Makes the installer for one shell: the file of `installers/` with the values filled in. */
export function makeInstaller(shell: Shell, { url, agent }: InstallerValues): Installer {
  const { extension, names, empty, quote } = dialects[shell];
  const withUrl = fillIn(installers[shell], { name: names.url, empty }, quote(url));
  if (agent === undefined) return { filename: `install.${extension}`, content: withUrl };
  const withId = fillIn(withUrl, { name: names.id, empty }, quote(agent.id));
  return {
    filename: `install-openclaw-${agent.id.slice(0, 8)}.${extension}`,
    content: warn(fillIn(withId, { name: names.secret, empty }, quote(agent.secret))),
  };
}

/**
 * The address that an installer carries: the service's own, if a secret may be sent there.
 *
 * @throws {ContractError} `internal`, whose cause, for the log, names the fix.
 */
export function installerUrl(issuer: string): string {
  const url = issuer.replace(/\/functions\/v1$/, "");
  if (isFitForSecrets(url)) return url;
  throw new ContractError(
    "internal",
    "Cannot make an installer: the service's own address is neither https nor loopback, its log names the fix",
    {
      cause: new Error(
        `Cannot make an installer for "${url}": set OPENCLAW_PUBLIC_URL to the https address that agents call`,
      ),
    },
  );
}

function fillIn(text: string, { name, empty }: Blank, literal: string): string {
  const [before, after, ...more] = text.split(`\n${name}${empty}\n`);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`Cannot find "${name.trim()}" once in an installer`);
  }
  return `${before}\n${name}${literal}\n${after}`;
}

/** Adds a warning that the file holds a secret: its first line, or the second after one that names the interpreter. */
function warn(text: string): string {
  const warning =
    "# This file holds the secret of an agent. Delete it once it has run; it offers to do so itself.\n";
  const first = text.startsWith("#!") ? text.indexOf("\n") + 1 : 0;
  return text.slice(0, first) + warning + text.slice(first);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
