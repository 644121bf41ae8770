import { Argument, type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { isFitForSecrets } from "../../supabase/functions/_shared/address.ts";
import {
  ConfigurationError,
  type Environment,
  parsePublicUrl,
} from "../../supabase/functions/_shared/env.ts";
import { makeInstaller, shells } from "../../supabase/functions/_shared/installer/installer.ts";
import { namedAgent, readAgentKey } from "../identity/named_agent.ts";
import { CliError } from "../terminal/errors.ts";
import { answer, say, warn } from "../terminal/output.ts";
import { giveUp } from "../host/permissions.ts";
import { writePrivateFile } from "../host/private_file.ts";
import { isThere } from "../service/own_files.ts";

interface Flags {
  url?: string | undefined;
  agentId?: string | undefined;
  agentSecretFile?: string | undefined;
  output?: string | undefined;
}

const example = `
Without an agent, the installer takes OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET where it runs.

Examples:
  openclaw installer bash --url https://fleet.example --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file secret | sh
  openclaw installer powershell --url https://fleet.example --output install.ps1
`;

/** Adds `openclaw installer`: prints the installer for one kind of host, or writes it to a private file. */
export function addInstaller(program: Command, environment: Environment): void {
  program.command("installer")
    .description("make the installer for a host that has nothing but its shell")
    .addArgument(new Argument("<shell>", "what the host has").choices(shells))
    .addOption(new Option("--url <url>", "the server, as the host calls it (env: OPENCLAW_URL)"))
    .addOption(new Option("--agent-id <uuid>", "the agent (env: OPENCLAW_AGENT_ID)"))
    .addOption(
      new Option(
        "--agent-secret-file <file>",
        "the file with its secret, - for stdin (env: OPENCLAW_AGENT_SECRET_FILE, or OPENCLAW_AGENT_SECRET)",
      ),
    )
    .addOption(
      new Option("--output <file>", "write it here, readable by this user only").argParser(parsePath),
    )
    .addHelpText("after", example)
    .action(async (shell, flags) => {
      await giveUp("installer");
      const url = readUrl(flags, environment);
      const named = namedAgent(flags, environment);
      const key = named === null ? null : await readAgentKey(named, warn);
      const agent = key === null ? null : { id: key.agentId, secret: key.secret };
      const { content, filename } = makeInstaller(shell, { url, ...(agent === null ? {} : { agent }) });
      if (flags.output !== undefined) await write(flags.output, content);
      else if (agent !== null && process.stdout.isTTY) {
        refuse(
          "Cannot print an installer to a terminal: it holds a secret",
          `openclaw installer ${shell} --output ${filename}`,
        );
      } else answer(content.replace(/\n$/, ""));
    });
}

function parsePath(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function refuse(what: string, hint: string): never {
  throw new CliError("usage", what, { hint });
}

const urlHint = "openclaw installer bash --url https://fleet.example.com";

function readUrl({ url: flag }: Flags, environment: Environment): string {
  const text = flag ?? environment("OPENCLAW_URL");
  if (text === undefined || text === "") refuse("Cannot make an installer: no server is named", urlHint);
  const url = parseUrl(text, flag === undefined ? "OPENCLAW_URL" : "--url");
  if (isFitForSecrets(url)) return url;
  return refuse(`Cannot make an installer for "${url}": it is neither https nor a loopback address`, urlHint);
}

function parseUrl(text: string, name: string): string {
  try {
    return parsePublicUrl(text, name);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return refuse(
      `Cannot make an installer: ${name} is not an address like https://fleet.example.com`,
      urlHint,
    );
  }
}

async function write(path: string, content: string): Promise<void> {
  try {
    if (await isThere(Deno.lstat, path)) {
      throw new CliError("conflict", `Cannot write "${path}": there is something already`, {
        hint: "name another file, or remove it",
      });
    }
    // What is not there is a slip of the finger more often than a wish.
    await Deno.stat(dirname(resolve(path)));
    await writePrivateFile(path, content);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    throw new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
      hint: "name a file in a folder that is there, and that this user can write",
      cause: error,
    });
  }
  say(`wrote ${path}`);
}
