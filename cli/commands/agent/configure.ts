import { type Command, Option } from "@commander-js/extra-typings";
import { dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { describeProcess } from "../../agent/agent.ts";
import { handshake } from "../../api/agent.ts";
import { isLoopback, parseUrl } from "../../api/url.ts";
import { formatCredentials, readUsable, type StoredCredentials } from "../../identity/credentials.ts";
import { checkAgentKey, namedAgent, readSecret, uuid, warnOfOpenFlag } from "../../identity/named_agent.ts";
import { defaultUrl, readConnection } from "../../identity/setup.ts";
import { asCalled } from "../../terminal/called.ts";
import { CliError, isErrno } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { folderExposure, removeFile, writePrivateFile } from "../../host/private_file.ts";
import { isForeign, isThere } from "../../service/own_files.ts";
import { unwrap } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

type Flags = AgentFlags & { json?: true; input: boolean; handshake: boolean };

const example = `
Examples:
  openclaw configure
  openclaw configure --url https://fleet.example.com --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file - < secret.txt
`;

/** Adds `openclaw configure`: writes the credentials file. */
export function addConfigure(program: Command, environment: Environment): void {
  const command = program.command("configure")
    .description("write the credentials file from flags, the environment, stdin or what you type, and try it")
    .addHelpText("after", example);
  for (const option of [...agentOptions(), jsonOption()]) command.addOption(option);
  command.addOption(new Option("--no-input", "never ask"))
    .addOption(
      new Option("--no-handshake", "only write the file, for a host that cannot reach the server yet"),
    )
    .action((flags: Flags) => configure(flags, environment));
}

async function configure(flags: Flags, environment: Environment): Promise<void> {
  await giveUp("configure");
  const stored = await gather(flags, environment);
  // What is wrong with the way to the server is said before anything is written.
  const connection = await readConnection({ ...flags, url: stored.url }, environment, null);
  const path = await write(stored, environment);
  if (!flags.json) say(`wrote ${path}`);
  const reply = flags.handshake ? await handshake(connection, stored, describeProcess()) : null;
  const agent = reply === null || reply.kind === "outage" ? null : unwrap(reply).agent;
  if (flags.json) answerJson({ path, url: stored.url, agent_id: stored.agentId, accepted: agent !== null });
  else if (agent !== null) say(`the server accepted this id and secret, of agent "${agent.name}"`);
  if (reply?.kind === "outage") {
    const flag = needsInsecureHttp(stored.url) ? " --insecure-http" : "";
    warn(
      `did not reach the server: ${reply.reason}; try again with: ${asCalled("openclaw handshake")}${flag}`,
    );
  }
}

/** Writes the credentials file and drops the session of the agent that was there before. */
async function write(stored: StoredCredentials, environment: Environment): Promise<string> {
  const { credentials: path, state } = await placesHere(environment);
  try {
    await assertOursToWrite(path);
    await writePrivateFile(path, formatCredentials(stored));
    await removeFile(join(state, "session.json"));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    const isFull = isErrno(error, "ENOSPC", "EDQUOT");
    throw new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
      hint: isFull ? "df -h" : "run it as the user whose agent it is, with a home folder that it can write",
      cause: error,
    });
  }
  return path;
}

/** Another program may keep a file of this name, and a folder that all may write makes the file useless. */
async function assertOursToWrite(path: string): Promise<void> {
  if (await isForeign(path)) {
    throw new CliError("conflict", `Cannot write "${path}": another program's file of that name is there`, {
      hint: "XDG_CONFIG_HOME=<another folder> openclaw configure",
    });
  }
  const folder = dirname(path);
  const open = await isThere(Deno.stat, folder) ? await folderExposure(folder) : null;
  if (open !== null) {
    throw new CliError("refused", `Cannot write "${path}": ${open.fault}`, { hint: open.mend });
  }
}

function needsInsecureHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

/**
 * Id and secret from one layer together: flags, or environment; what that one lacks is asked for. A server that is
 * named without an agent is for the agent that this host has.
 */
async function gather(flags: Flags, environment: Environment): Promise<StoredCredentials> {
  const asker = mayAsk(flags, environment) ? new Asker(environment) : null;
  const insecureHttp = flags.insecureHttp === true;
  const stored = await readUsable(environment);
  const named = flags.url ?? environment("OPENCLAW_URL");
  const agent = namedAgent(flags, environment);
  if (named !== undefined && stored !== null && agent === null) {
    say(`keeps agent ${stored.agentId}`);
    return { ...stored, url: parseUrl(named, { insecureHttp }) };
  }
  const url = named ?? await asker?.url(insecureHttp, stored?.url) ?? stored?.url ?? missing("--url");
  const checkedUrl = parseUrl(url, { insecureHttp });
  const agentId = agent?.agentId ?? await asker?.id() ?? missing("--agent-id");
  // A secret that is typed at a terminal is asked for there, and not shown.
  const isTyped = agent === null || (agent.secretFile === "-" && asker !== null);
  const given = isTyped ? null : await readSecret(agent, warn);
  const secret = given ?? await asker?.secret() ?? missing("--agent-secret-file");
  const key = checkAgentKey(agentId, secret);
  if (agent !== null) warnOfOpenFlag(agent, warn);
  return { url: checkedUrl, ...key };
}

/** A dumb terminal shows what it is told to hide, so nothing is asked on it. */
function mayAsk({ input }: Flags, environment: Environment): boolean {
  return input !== false && environment("TERM") !== "dumb" && Deno.stdin.isTerminal() &&
    Deno.stderr.isTerminal();
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

/** Asks on the terminal, each question until its answer fits. */
class Asker {
  readonly #hasColours: boolean;

  constructor(environment: Environment) {
    this.#hasColours = environment("NO_COLOR") === undefined;
  }

  async url(insecureHttp: boolean, stored: string | undefined): Promise<string> {
    const check = (text: string): void => void parseUrl(text, { insecureHttp });
    return await this.#ask("text", "The server's address", { check, otherwise: stored ?? defaultUrl });
  }

  async id(): Promise<string> {
    const check = (text: string): void => {
      if (!uuid.test(text.trim())) {
        throw new CliError("usage", "Enter a UUID, like 0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11");
      }
    };
    return await this.#ask("text", "The agent's id", { check });
  }

  async secret(): Promise<string> {
    const { secretFault } = await import("../../identity/secret.ts");
    const check = (text: string): void => {
      const fault = secretFault(text.trim());
      if (fault !== null) throw new CliError("usage", `This is not an agent's secret: ${fault}`);
    };
    return await this.#ask("password", "The agent's secret (it is not shown)", { check });
  }

  /** Ctrl-C ends the command, and so do Ctrl-D and Ctrl-Z, which the prompt would go on showing its answer after. */
  async #ask(
    kind: "text" | "password",
    message: string,
    { check, otherwise }: { check: (text: string) => void; otherwise?: string },
  ): Promise<string> {
    const prompts = await import("@clack/prompts");
    const { stdin } = await import("node:process");
    const left = new AbortController();
    const leave = (_text: unknown, key: { ctrl?: boolean; name?: string } | undefined): void => {
      if (key?.ctrl === true && (key.name === "d" || key.name === "z")) left.abort();
    };
    stdin.on("keypress", leave);
    const given = await prompts[kind]({
      message,
      output: await this.#output(),
      signal: left.signal,
      ...(otherwise === undefined ? {} : { placeholder: otherwise, defaultValue: otherwise }),
      validate: (text) => faultOf(text || (otherwise ?? ""), check),
    });
    stdin.off("keypress", leave);
    if (typeof given === "string") return given;
    throw new CliError("usage", "Cannot write the credentials: the question was not answered", {
      hint: "openclaw configure",
    });
  }

  async #output(): Promise<Writable> {
    const { stderr } = await import("node:process");
    if (this.#hasColours) return stderr;
    const { Writable } = await import("node:stream");
    // What moves the cursor stays: the question is drawn anew with every key.
    const plain = new Writable({
      write(chunk, _encoding, done) {
        // deno-lint-ignore no-control-regex -- what paints a terminal begins with one
        const text = String(chunk).replace(/\u001b\[[\d;]*m/g, "");
        stderr.write(text, () => done());
      },
    });
    return Object.assign(plain, { columns: stderr.columns, rows: stderr.rows, isTTY: true });
  }
}

function faultOf(text: string, check: (text: string) => void): string | undefined {
  try {
    check(text);
    return undefined;
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
}
