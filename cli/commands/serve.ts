import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { dirname, resolve } from "node:path";
import { isLoopback } from "../../supabase/functions/_shared/address.ts";
import {
  ConfigurationError,
  type Environment,
  parsePublicUrl,
  readSettings,
} from "../../supabase/functions/_shared/env.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import { asCalled } from "../terminal/called.ts";
import { CliError } from "../terminal/errors.ts";
import { answer, say, warn } from "../terminal/output.ts";
import { countedText } from "../fleet/sentence.ts";
import { withoutMark } from "../host/json.ts";
import { giveUp } from "../host/permissions.ts";
import { readOtherMonitor } from "../serve/other_monitor.ts";
import { type RunningServer, startServer } from "../serve/server.ts";
import { StartError } from "../serve/start_error.ts";
import { shellQuote } from "../host/shell_quote.ts";
import { reasonOf } from "./_reason.ts";

interface Flags {
  host: string;
  port: number;
  data: string;
  databaseUrl?: string | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  publicUrl?: string | undefined;
  restore?: true | undefined;
}

const sameOrderMilliseconds = 1000;
const turnMilliseconds = 50;

const notes = `
It runs until Ctrl-C. A flag beats its variable, and an empty variable counts as unset. Variables without a flag:
AGENT_JWT_KEYS, AGENT_SESSION_TTL_SECONDS, AGENT_LIMIT_PER_OWNER, OPENCLAW_TRUST_PROXY, OPENCLAW_HISTORY_DAYS,
OPENCLAW_PRIVATE_TARGETS, OPENCLAW_SMTP_URL, OPENCLAW_HEARTBEAT_URL (or OPENCLAW_HEARTBEAT_URL_FILE);
docs/operating.md explains them.

Example:
  openclaw serve --data /var/lib/openclaw-server --port 8080
  deno task start --data /var/lib/openclaw-server --port 8080     (the same, from the source)
`;

/** Adds `openclaw serve`: the backend in one process. */
export function addServe(program: Command, environment: Environment): void {
  const command = program.command("serve")
    .description("run the whole backend in this process, over an embedded Postgres or a real one")
    .addOption(
      new Option("--host <address>", "listen on this address")
        .env("OPENCLAW_HOST").default("127.0.0.1").argParser(parseText),
    )
    .addOption(
      new Option("--port <number>", "listen on this port; 0 for any free one")
        .env("OPENCLAW_PORT").default(54_321).argParser(parsePort),
    )
    .addOption(
      new Option("--data <folder>", "keep the keys and the embedded Postgres in this folder")
        .env("OPENCLAW_DATA").default("openclaw-data").argParser(parseText),
    )
    .addOption(
      new Option(
        "--database-url <url>",
        "use this Postgres, 15 or later, instead of the embedded one; give it by the variable, or ps shows its password",
      ).env("DATABASE_URL").argParser(parseText),
    )
    .addOption(
      new Option("--tls-cert <file>", "serve https with this certificate, in PEM; needs --tls-key")
        .env("OPENCLAW_TLS_CERT").argParser(parseText),
    )
    .addOption(
      new Option("--tls-key <file>", "the certificate's private key, in PEM")
        .env("OPENCLAW_TLS_KEY").argParser(parseText),
    )
    .addOption(
      new Option("--public-url <url>", "the address that agents reach this server by, if it is another one")
        .env("OPENCLAW_PUBLIC_URL").argParser(parseText),
    )
    .option("--restore", "put a damaged embedded Postgres aside and begin with its newest snapshot")
    .addHelpText("after", notes)
    .action((flags) => explain(() => serve(flags, environment)));
  dropEmptyVariables(command.options);
}

/** An empty variable counts as unset; commander, which reads the process's own, would take it for a value. */
function dropEmptyVariables(options: readonly { envVar?: string | undefined }[]): void {
  for (const { envVar } of options) {
    if (envVar !== undefined && Deno.env.get(envVar) === "") Deno.env.delete(envVar);
  }
}

/** What its user can mend, in the words of every command's errors. */
async function explain(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof StartError) {
      throw new CliError(error.failure, withReason(error), { hint: error.hint, cause: error });
    }
    if (error instanceof ConfigurationError) {
      throw new CliError("usage", error.message, { hint: configurationHint(error), cause: error });
    }
    throw error;
  }
}

/** The message names a variable or a flag. */
function configurationHint({ message }: ConfigurationError): string {
  const name = /\b[A-Z]+(_[A-Z]+)+\b/.exec(message)?.[0];
  if (name === "AGENT_JWT_KEYS") return "openclaw keys generate";
  if (name?.startsWith("OPENCLAW_HEARTBEAT_URL")) return "OPENCLAW_HEARTBEAT_URL_FILE=<file> openclaw serve";
  if (name === "OPENCLAW_SMTP_URL") return "unset OPENCLAW_SMTP_URL, and no mail is sent";
  if (name === undefined || name === "OPENCLAW_PUBLIC_URL" || name === "SUPABASE_URL") {
    return "openclaw serve --public-url https://fleet.example.com";
  }
  return `unset ${name}, which has a default`;
}

/** The message, and what caused it where the message does not say so itself. */
function withReason({ message, cause }: StartError): string {
  const reason = message.includes(": ") ? undefined : reasonOf(cause);
  return reason === undefined ? message : `${message}: ${reason}`;
}

async function serve(flags: Flags, environment: Environment): Promise<void> {
  await giveUp("serve");
  const stopped = stopSignal();
  const settings = readSettings(environment);
  const publicUrl = flags.publicUrl === undefined
    ? settings.publicUrl
    : parsePublicUrl(flags.publicUrl, "--public-url");
  const log = new Log(answer);
  const server = await startServer(
    {
      hostname: flags.host,
      port: flags.port,
      data: flags.data,
      databaseUrl: flags.databaseUrl || null,
      tls: await readTls(flags),
      restore: flags.restore ?? false,
      otherMonitor: await readOtherMonitor(environment, warn),
    },
    { env: environment, settings: { ...settings, publicUrl }, log },
  );
  say(welcome(server, flags, publicUrl));
  await stopped;
  await server.stop();
}

function welcome(
  { url, endsHandshakes, operatorKeyPath, readerKeyPath, agents }: RunningServer,
  { databaseUrl, host, tlsCert }: Flags,
  publicUrl: string | null,
): string {
  const folder = dirname(operatorKeyPath);
  const isOpen = !isLoopback(host) && tlsCert === undefined && !publicUrl?.startsWith("https:");
  return [
    databaseUrl
      ? "agents are kept in the Postgres of the database URL, and last as it does"
      : "agents are kept in the embedded Postgres: they outlast a killed process, but a power cut may lose what came " +
        "after the last snapshot (every 15 min); --database-url has a Postgres that loses nothing",
    `openclaw ${version} listens on ${url}`,
    `its data is in ${folder}`,
    `the operator's key is in ${operatorKeyPath}`,
    `a key that only reads is in ${readerKeyPath}`,
    `a browser shows the fleet at ${publicUrl ?? url}, to whoever logs in with one of the two keys`,
    ...(isOpen
      ? ["warning: without TLS, secrets cross the network in the clear: give --tls-cert and --tls-key"]
      : []),
    ...(endsHandshakes ? [] : [
      `warning: under Deno ${Deno.version.deno}, a connection whose TLS handshake never ends is never closed: put a ` +
      "reverse proxy in front (docs/operating.md), or use a program that was compiled with Deno 2.9",
    ]),
    ...(Object.keys(agents).length === 0 ? firstSteps(url, operatorKeyPath) : [countedText(agents)]),
  ].join("\n");
}

/** What there is to do with a server that has no agent yet. */
function firstSteps(url: string, operatorKeyPath: string): string[] {
  // An operator's command finds the key by itself in ./openclaw-data only.
  const isHere = operatorKeyPath === resolve("openclaw-data", "operator-key");
  const key = isHere ? "" : `OPENCLAW_OPERATOR_KEY_FILE=${shellQuote(operatorKeyPath)} `;
  const server = isHere ? "" : ` --url ${url}`;
  return [
    "",
    "Create an agent; this shows its secret, once, and the line that installs it on a host:",
    `  ${key}${asCalled("openclaw agents create")} first${server}`,
    "See which agents are alive:",
    `  ${key}${asCalled("openclaw fleet")}${server}`,
    "",
  ];
}

async function readTls({ tlsCert, tlsKey }: Flags): Promise<{ cert: string; key: string } | null> {
  if (tlsCert === undefined && tlsKey === undefined) return null;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new StartError(
      "Cannot serve TLS: one of certificate and key is missing",
      "give both --tls-cert and --tls-key",
      { failure: "usage" },
    );
  }
  return { cert: await readPem(tlsCert), key: await readPem(tlsKey) };
}

async function readPem(path: string): Promise<string> {
  try {
    return withoutMark(await Deno.readTextFile(path));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new StartError(
      `Cannot read "${path}": ${error.message}`,
      "name a file in PEM that this user can read",
      { failure: "usage", cause: error },
    );
  }
}

function parseText(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("A port is a whole number from 0 to 65535.");
}

/**
 * Resolves at the first SIGTERM or SIGINT (Ctrl-C, Ctrl-Break). A later one ends the process at once, but not one
 * that comes with the first: a terminal and systemd signal the whole group, and a program in front of this one (npx,
 * deno task) passes its own signal on. A process that is busy with stopping hears it late; it came no sooner than
 * the last turn but one.
 */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  let askedAt: number | null = null;
  let turns: [number, number] = [0, 0];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      if (askedAt !== null) {
        if (turns[0] - askedAt > sameOrderMilliseconds) Deno.exit(1);
        return;
      }
      askedAt = performance.now();
      turns = [askedAt, askedAt];
      setInterval(() => turns = [turns[1], performance.now()], turnMilliseconds);
      resolve();
    });
  }
  return promise;
}
