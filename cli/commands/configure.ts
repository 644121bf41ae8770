import { type Command, Option } from "@commander-js/extra-typings";
import { join } from "node:path";
import { isLoopback, parseUrl } from "../config.ts";
import {
  checkCredentials,
  formatCredentials,
  type IdentityFlags,
  readSecretFile,
  type StoredCredentials,
} from "../credentials.ts";
import { CliError } from "../errors.ts";
import { answerJson, say, warn } from "../output.ts";
import { giveUp } from "../permissions.ts";
import { type Environment, placesHere } from "../places.ts";
import { removeFile, writePrivateFile } from "../private_file.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

type Flags = AgentFlags & { json?: true; input?: boolean };

const example = `
Examples:
  openclaw configure
  openclaw configure --url https://fleet.example.com --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file - < secret.txt
`;

/** Adds `openclaw configure`: writes the credentials file. */
export function addConfigure(program: Command, environment: Environment): void {
  const command = program.command("configure")
    .description("write the credentials file from flags, the environment, stdin or what you type")
    .addHelpText("after", example);
  // It asks no server, so it has no use for certificates.
  const options = agentOptions().filter(({ long }) => long !== "--ca-file");
  for (const option of [...options, jsonOption()]) command.addOption(option);
  command.addOption(new Option("--no-input", "never ask"))
    .action((flags: Flags) => configure(flags, environment));
}

async function configure(flags: Flags, environment: Environment): Promise<void> {
  await giveUp("configure");
  const stored = await gather(flags, environment);
  const { credentials: path, state } = await placesHere(environment);
  try {
    await writePrivateFile(path, formatCredentials(stored));
    await removeFile(join(state, "session.json"));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
      hint: "run it as the user whose agent it is, with a home folder that it can write",
      cause: error,
    });
  }
  if (flags.json) answerJson({ path, url: stored.url, agent_id: stored.agentId });
  else {say(
      `wrote ${path}; try it with: openclaw handshake${
        needsInsecureHttp(stored.url) ? " --insecure-http" : ""
      }`,
    );}
}

function needsInsecureHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

/** Id and secret from one layer together: flags, or environment; what that one lacks is asked for. */
async function gather(flags: Flags, environment: Environment): Promise<StoredCredentials> {
  const mayAsk = flags.input !== false && Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  const insecureHttp = flags.insecureHttp === true;
  const url = flags.url ?? environment("OPENCLAW_URL") ??
    (mayAsk ? await askUrl(insecureHttp) : missing("--url"));
  const checkedUrl = parseUrl(url, { insecureHttp });
  const given = layerOf(flags, environment);
  const agentId = given.agentId ?? (mayAsk ? await askId() : missing("--agent-id"));
  const secret = await secretOf(given) ?? (mayAsk ? await askSecret() : missing("--agent-secret-file"));
  return { url: checkedUrl, ...checkCredentials(agentId.trim(), secret.trim()) };
}

function layerOf(flags: Flags, environment: Environment): IdentityFlags {
  const { agentId, agentSecret, agentSecretFile } = flags;
  if (agentSecret !== undefined) {
    warn("--agent-secret can be read by everybody on this host (ps): --agent-secret-file - is safer");
  }
  if (agentId !== undefined || agentSecret !== undefined || agentSecretFile !== undefined) {
    return { agentId, agentSecret, agentSecretFile };
  }
  return {
    agentId: environment("OPENCLAW_AGENT_ID"),
    agentSecret: environment("OPENCLAW_AGENT_SECRET"),
    agentSecretFile: environment("OPENCLAW_AGENT_SECRET_FILE"),
  };
}

async function secretOf({ agentSecret, agentSecretFile }: IdentityFlags): Promise<string | null> {
  if (agentSecret !== undefined && agentSecretFile !== undefined) {
    throw new CliError("usage", "Cannot tell which secret to use: a secret and a file with one are given", {
      hint: "leave one of them out",
    });
  }
  return agentSecretFile === undefined ? agentSecret ?? null : await readSecretFile(agentSecretFile, warn);
}

function missing(flag: string): never {
  throw new CliError(
    "usage",
    `Cannot write the credentials: ${flag} is missing, and there is no terminal to ask on`,
    {
      hint:
        "openclaw configure --url https://fleet.example.com --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file -",
    },
  );
}

async function askUrl(insecureHttp: boolean): Promise<string> {
  return await ask("text", "The server's address", (text) => {
    parseUrl(text, { insecureHttp });
  });
}

async function askId(): Promise<string> {
  return await ask("text", "The agent's id", (text) => {
    if (!/^[0-9a-f-]{36}$/i.test(text.trim())) throw new CliError("usage", "A UUID is wanted");
  });
}

async function askSecret(): Promise<string> {
  const { secretFault } = await import("../secret.ts");
  return await ask("password", "The agent's secret (it is not shown)", (text) => {
    const fault = secretFault(text.trim());
    if (fault !== null) throw new CliError("refused", `That cannot be right: ${fault}`);
  });
}

/** Asks until the answer fits. Ctrl-C ends the command. */
async function ask(
  kind: "text" | "password",
  message: string,
  check: (text: string) => void,
): Promise<string> {
  const prompts = await import("@clack/prompts");
  const given = await prompts[kind]({
    message,
    output: (await import("node:process")).stderr,
    validate(text) {
      try {
        check(text ?? "");
        return undefined;
      } catch (error) {
        if (error instanceof CliError) return error.message;
        throw error;
      }
    },
  });
  if (typeof given === "string") return given;
  throw new CliError("usage", "Cannot write the credentials: the question was not answered", {
    hint: "openclaw configure",
  });
}
