import { type Command, Option } from "@commander-js/extra-typings";
import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import { abilities } from "../../agent/keeper.ts";
import { isLoopback, parseUrl } from "../../api/url.ts";
import { readUsable, type StoredCredentials } from "../../identity/credentials.ts";
import { checkAgentKey, namedAgent, readSecret, uuid, warnOfOpenFlag } from "../../identity/named_agent.ts";
import { makeReplaceableCheck } from "../../identity/replaceable.ts";
import { defaultUrl, readConnection } from "../../identity/setup.ts";
import { asCalled } from "../../terminal/called.ts";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { ask, mayAsk } from "../../terminal/prompt.ts";
import { giveUp } from "../../host/permissions.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { unwrap } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";
import { storeCredentials } from "./_store.ts";

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
  const places = await placesHere(environment);
  const unreplaceable = await makeReplaceableCheck({ places }, environment);
  await giveUp("configure");
  const stored = await gather(flags, environment);
  // What is wrong with the way to the server is said before anything is written.
  const connection = await readConnection({ ...flags, url: stored.url }, environment, null);
  const path = await storeCredentials(stored, places);
  if (!flags.json) say(`wrote ${path}`);
  const identity = { ...stored, next: stored.next ?? null, layer: "file", path, brought: false } as const;
  const supports = await unreplaceable({ identity }) === null ? abilities : [];
  const reply = flags.handshake
    ? (await greet({ connection, identity }, describeProcess(supports))).outcome
    : null;
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

function needsInsecureHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

/**
 * Id and secret from one layer together: flags, or environment; what that one lacks is asked for. A server that is
 * named without an agent is for the agent that this host has.
 */
async function gather(flags: Flags, environment: Environment): Promise<StoredCredentials> {
  const asker = flags.input && mayAsk(environment) ? new Asker(environment) : null;
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
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
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

  async #ask(
    kind: "text" | "password",
    message: string,
    { check, otherwise }: { check: (text: string) => void; otherwise?: string },
  ): Promise<string> {
    const given = await ask<string>((prompts, common) =>
      prompts[kind]({
        message,
        ...common,
        ...(otherwise === undefined ? {} : { placeholder: otherwise, defaultValue: otherwise }),
        validate: (text) => faultOf(text || (otherwise ?? ""), check),
      }), this.#environment);
    if (given !== null) return given;
    throw new CliError("usage", "Cannot write the credentials: the question was not answered", {
      hint: "openclaw configure",
    });
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
