import type { Command } from "@commander-js/extra-typings";
import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import { type Check, checkClock, checkDns, checkTcp, checkTls, tlsFault } from "../../api/checks.ts";
import { proxyFor } from "../../api/proxy.ts";
import { type Client, type Connection, getAgentView, health, type Outcome } from "../../api/agent.ts";
import { readAuthorities, readConnection, type Setup } from "../../identity/setup.ts";
import { storedUrl } from "../../identity/credentials.ts";
import { type Identity, readIdentity } from "../../identity/identity.ts";
import { asCalled } from "../../terminal/called.ts";
import { CliError, NegativeResult } from "../../terminal/errors.ts";
import { answer, answerJson, paint, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { supportsOf } from "./_keeper.ts";
import { failureWithCode } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

type Flags = AgentFlags & { json?: true };

/** Adds `openclaw doctor`. */
export function addDoctor(program: Command, environment: Environment): void {
  const command = program.command("doctor")
    .description("check everything between this host and the server, with a hint for what fails")
    .addHelpText("after", "\nExample:\n  openclaw doctor --json\n");
  for (const option of [...agentOptions(), jsonOption()]) command.addOption(option);
  command.action((flags: Flags) => doctor(flags, environment));
}

async function doctor({ json, ...flags }: Flags, environment: Environment): Promise<void> {
  const checks: Check[] = [];
  // A person who waits for the last one has seen the others.
  for await (const one of examine(flags, environment)) {
    const check = one.hint === undefined ? one : { ...one, hint: asCalled(one.hint) };
    checks.push(check);
    if (!json) show(check);
  }
  const failed = checks.find(({ ok }) => ok === false);
  if (json) answerJson({ ok: failed === undefined, checks: checks.map(({ failure: _, ...rest }) => rest) });
  else answer(verdict(checks));
  if (failed !== undefined) throw new NegativeResult(failed.failure ?? "unexpected");
}

function verdict(checks: readonly Check[]): string {
  const failed = checks.filter(({ ok }) => ok === false).map(({ name }) => name);
  if (failed.length === 0) return "Every check passed: this agent can send heartbeats";
  return `${failed.length === 1 ? "One check" : `${failed.length} checks`} failed: ${failed.join(", ")}`;
}

async function* examine(flags: Flags, environment: Environment): AsyncGenerator<Check> {
  const { identity, check } = await examineCredentials(flags, environment);
  yield check;
  yield* examineWay(flags, identity, environment);
}

/** Format, checksum, and for a file its mode and owner. */
async function examineCredentials(
  flags: Flags,
  environment: Environment,
): Promise<{ identity: Identity | null; check: Check }> {
  try {
    const identity = await readIdentity(flags, { environment, warn });
    const from = identity.path ?? `the ${identity.layer}`;
    return {
      identity,
      check: { name: "credentials", ok: true, detail: `agent ${identity.agentId}, from ${from}` },
    };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { identity: null, check: failureOf("credentials", error) };
  }
}

/** From the URL to the server's opinion of this agent; after the first thing in the way, what needs it is left out. */
async function* examineWay(
  flags: Flags,
  identity: Identity | null,
  environment: Environment,
): AsyncGenerator<Check> {
  let connection: Connection;
  let authorities: string[];
  let proxy: URL | null;
  try {
    connection = await readConnection(flags, environment, await storedServer(flags, identity, environment));
    authorities = await readAuthorities(flags, environment);
    proxy = proxyFor(new URL(connection.url), environment);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    yield failureOf(placeOf(error), error);
    return;
  }
  const places = await placesHere(environment);
  const supports = identity === null ? [] : await supportsOf({ identity, places }, environment);
  await giveUp("doctor");
  const url = new URL(connection.url);
  yield { name: "url", ok: true, detail: connection.url };
  for await (const check of proxy === null ? examineDirectWay(url, authorities) : examineProxy(proxy)) {
    yield check;
    if (check.ok === false) return;
  }
  const setup = identity === null ? null : { connection, identity, places };
  yield* examineService(connection, setup, {
    hasAuthority: authorities.length > 0,
    process: describeProcess(supports),
  });
}

/** What the way to the server is spoilt by, before anybody was asked. */
function placeOf({ message }: CliError): string {
  return /^Cannot use the proxy /.test(message) ? "proxy" : /certificates/.test(message) ? "tls" : "url";
}

/**
 * The server that the credentials file names, where no other is named.
 *
 * @throws {CliError} when there is such a file and it may not be used: the default would be another server
 */
async function storedServer(
  { url }: Flags,
  identity: Identity | null,
  environment: Environment,
): Promise<string | null> {
  if (url !== undefined || environment("OPENCLAW_URL") !== undefined) return null;
  return identity === null ? await storedUrl(environment) : identity.url;
}

async function* examineDirectWay(url: URL, authorities: string[]): AsyncGenerator<Check> {
  yield { name: "proxy", ok: null, detail: "none is set for this address" };
  yield await checkDns(url);
  yield await checkTcp(url.hostname, Number(url.port || (url.protocol === "http:" ? 80 : 443)));
  yield await checkTls(url, authorities);
}

const portsOfProxies = new Map([["https:", 443], ["socks5:", 1080], ["socks5h:", 1080]]);

async function* examineProxy(proxy: URL): AsyncGenerator<Check> {
  const port = Number(proxy.port || portsOfProxies.get(proxy.protocol) || 80);
  const check = await checkTcp(proxy.hostname, port);
  const hint = "check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name the server in NO_PROXY";
  yield { ...check, name: "proxy", ...(check.ok === false ? { hint } : {}) };
}

async function* examineService(
  connection: Connection,
  setup: Setup | null,
  { hasAuthority, process }: { hasAuthority: boolean; process: Client },
): AsyncGenerator<Check> {
  const well = await health(connection);
  // Through a proxy, TLS has not been tried before.
  const host = new URL(connection.url).hostname;
  const fault = well.kind === "outage" && connection.url.startsWith("https:")
    ? tlsFault(well.reason, { host, hasAuthority })
    : null;
  yield fault === null
    ? checkOf("service", well, (version) => `openclaw ${version} answers`)
    : { name: "service", ok: false, ...fault, failure: "unreachable" };
  if (well.kind !== "ok") return;
  if (setup === null) return yield checkClock(well.timing);
  const { outcome: greeting } = await greet(setup, process);
  yield checkClock(greeting.kind === "ok" ? greeting.timing : well.timing);
  yield checkOf("handshake", greeting, ({ agent, expiresIn }) => `as "${agent.name}", for ${expiresIn} s`);
  if (greeting.kind !== "ok") return;
  yield checkOf(
    "heartbeat",
    await getAgentView(connection, greeting.value.token),
    ({ liveness, lastSeenAt }) =>
      `the server reports this agent as ${liveness}: ` +
      (lastSeenAt === null ? "no heartbeat yet" : `last heartbeat at ${lastSeenAt}`),
  );
}

function checkOf<Value>(name: string, outcome: Outcome<Value>, describe: (value: Value) => string): Check {
  if (outcome.kind === "ok") return { name, ok: true, detail: describe(outcome.value) };
  if (outcome.kind === "outage") {
    return {
      name,
      ok: false,
      detail: outcome.reason,
      hint: "check that the URL is the server's own, and the server's log",
      failure: "unreachable",
    };
  }
  const failure = failureWithCode(outcome.code);
  return { name, ok: false, detail: outcome.description, hint: refusalHint(outcome.code), failure };
}

function refusalHint(code: string): string {
  if (code === "forbidden") return "ask the server's operator why it forbids this agent to come in";
  if (failureWithCode(code) === "refused") {
    return "openclaw configure, with the id and secret of an agent that was not revoked";
  }
  return "compare openclaw version with the server's, and see the server's log";
}

function failureOf(name: string, { message, hint, failure }: CliError): Check {
  return { name, ok: false, detail: message, hint, failure };
}

function show({ name, ok, detail, hint }: Check): void {
  const mark = ok === null
    ? paint("grey", "skip", "stdout")
    : ok
    ? paint("green", "pass", "stdout")
    : paint("red", "FAIL", "stdout");
  answer(`${mark}  ${name.padEnd(11)} ${detail}`);
  if (hint !== undefined) answer(`      ${"".padEnd(11)} ${paint("grey", "hint:", "stdout")} ${hint}`);
}
