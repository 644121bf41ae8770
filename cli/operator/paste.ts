import type { Shell } from "../api/operator/agents.ts";
import { shellQuote } from "../host/shell_quote.ts";

/** A line that installs an agent, for one kind of host. */
export interface PasteLine {
  host: string;
  line: string;
}

const hosts: Record<Shell, string> = { bash: "bash, zsh, sh", powershell: "PowerShell", python: "Python" };

/**
 * The line that installs one agent. It asks for the secret without showing it: no command line, and so neither ps nor
 * the shell's history, ever holds it.
 *
 * @param server.url what the host calls the server
 */
export function agentLine(shell: Shell, { url, agentId }: { url: string; agentId: string }): PasteLine {
  const installer = installerOf(shell, url);
  const line = {
    bash: `(trap 'stty echo; exit 1' INT; stty -echo; printf 'secret: '; read -r OPENCLAW_AGENT_SECRET; ` +
      `stty echo; echo; export OPENCLAW_AGENT_SECRET; curl -fsS ${shellQuote(installer)} | ` +
      `OPENCLAW_AGENT_ID=${agentId} sh)`,
    powershell: `$env:OPENCLAW_AGENT_ID = '${agentId}'; $env:OPENCLAW_AGENT_SECRET = ` +
      `[Net.NetworkCredential]::new('', (Read-Host 'secret' -AsSecureString)).Password; ` +
      `try { irm -UseBasicParsing ${powershellQuote(installer)} | iex } ` +
      `finally { Remove-Item Env:OPENCLAW_AGENT_SECRET }`,
    python: pythonLine(installer, {
      imports: "getpass, os",
      values: `OPENCLAW_AGENT_ID="${agentId}", OPENCLAW_AGENT_SECRET=getpass.getpass("secret: ")`,
    }),
  }[shell];
  return { host: hosts[shell], line };
}

/** The lines that enroll a host with a code, one for each kind of host. */
export function enrollmentLines({ url, code }: { url: string; code: string }): PasteLine[] {
  const installer = (shell: Shell): string => installerOf(shell, url);
  return [
    {
      host: hosts.bash,
      line: `curl -fsS ${shellQuote(installer("bash"))} | OPENCLAW_ENROLLMENT_CODE=${code} sh`,
    },
    {
      host: hosts.powershell,
      line: `$env:OPENCLAW_ENROLLMENT_CODE = '${code}'; ` +
        `irm -UseBasicParsing ${powershellQuote(installer("powershell"))} | iex`,
    },
    {
      host: hosts.python,
      line: pythonLine(installer("python"), {
        imports: "os",
        values: `OPENCLAW_ENROLLMENT_CODE="${code}"`,
      }),
    },
  ];
}

/** Bash is what is served where no shell is asked for. */
function installerOf(shell: Shell, url: string): string {
  return `${url}/functions/v1/install${shell === "bash" ? "" : `?shell=${shell}`}`;
}

/** Needs no curl: a host that has nothing but Python fetches the installer by it. */
function pythonLine(installer: string, { imports, values }: { imports: string; values: string }): string {
  const program = `import ${imports}, urllib.request as web; os.environ.update(${values}); ` +
    `exec(web.urlopen(${JSON.stringify(installer)}, timeout=60).read())`;
  return `python3 -c ${shellQuote(program)}`;
}

/** PowerShell takes the typographic quotes for quotes, too. */
function powershellQuote(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201b]/g, "$&$&")}'`;
}
