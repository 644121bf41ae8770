import type { Command } from "@commander-js/extra-typings";
import { describeProcess } from "../agent/agent.ts";
import { type Check, checkClock, checkDns, checkTcp, checkTls, tlsFault } from "../agent/checks.ts";
import { proxyFor } from "../agent/proxy.ts";
import { type Connection, handshake, health, look, type Outcome } from "../api.ts";
import { readAuthorities, readConnection } from "../config.ts";
import { type Identity, readIdentity } from "../credentials.ts";
import { AnsweredNo, CliError } from "../errors.ts";
import { answer, answerJson, paint, warn } from "../output.ts";
import { giveUp } from "../permissions.ts";
import type { Environment } from "../places.ts";
import { failureWithCode } from "./_end.ts";
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
  const { identity, check } = await examineCredentials(flags, environment);
  const checks = [check, ...await examineWay(flags, identity, environment)];
  const failed = checks.find(({ ok }) => ok === false);
  if (json) answerJson({ ok: failed === undefined, checks: checks.map(({ failure: _, ...rest }) => rest) });
  else for (const one of checks) show(one);
  if (failed !== undefined) throw new AnsweredNo(failed.failure ?? "unexpected");
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
async function examineWay(
  flags: Flags,
  identity: Identity | null,
  environment: Environment,
): Promise<Check[]> {
  let connection: Connection;
  let authorities: string[];
  try {
    const url = flags.url ?? environment("OPENCLAW_URL") ?? identity?.url ?? undefined;
    connection = await readConnection({ ...flags, url }, environment);
    authorities = await readAuthorities(flags, environment);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [failureOf("url", error)];
  }
  await giveUp("doctor");
  const url = new URL(connection.url);
  const proxy = proxyFor(url, environment);
  const checks: Check[] = [{ name: "url", ok: true, detail: connection.url }];
  if (proxy === null) {
    checks.push({ name: "proxy", ok: null, detail: "none is set for this address" });
    checks.push(await checkDns(url));
    if (isFine(checks)) {
      checks.push(await checkTcp(url.hostname, Number(url.port || (url.protocol === "http:" ? 80 : 443))));
    }
    if (isFine(checks)) checks.push(await checkTls(url, authorities));
  } else {checks.push({
      ...await checkTcp(proxy.hostname, Number(proxy.port || portsOfProxies.get(proxy.protocol) || 80)),
      name: "proxy",
    });}
  if (!isFine(checks)) return checks;
  return [...checks, ...await examineService(connection, identity, authorities.length > 0)];
}

const portsOfProxies = new Map([["https:", 443], ["socks5:", 1080], ["socks5h:", 1080]]);

async function examineService(
  connection: Connection,
  identity: Identity | null,
  hasAuthority: boolean,
): Promise<Check[]> {
  const well = await health(connection);
  const checks = [checkOf("service", well, (version) => `openclaw ${version} answers`)];
  // Through a proxy, TLS has not been tried before.
  const host = new URL(connection.url).hostname;
  const fault = well.kind === "outage" && connection.url.startsWith("https:")
    ? tlsFault(well.reason, { host, hasAuthority })
    : null;
  if (fault !== null) return [{ name: "service", ok: false, ...fault, failure: "unreachable" }];
  if (well.kind !== "ok") return checks;
  if (identity === null) return [...checks, checkClock(well.timing)];
  const greeting = await handshake(connection, identity, describeProcess());
  checks.push(checkClock(greeting.kind === "ok" ? greeting.timing : well.timing));
  checks.push(
    checkOf("handshake", greeting, ({ agent, expiresIn }) => `as "${agent.name}", for ${expiresIn} s`),
  );
  if (greeting.kind !== "ok") return checks;
  const seen = await look(connection, greeting.value.token);
  checks.push(
    checkOf(
      "heartbeat",
      seen,
      ({ liveness, lastSeenAt }) =>
        `the server takes this agent for ${liveness}, last seen ${lastSeenAt ?? "never"}`,
    ),
  );
  return checks;
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

function isFine(checks: Check[]): boolean {
  return checks.every(({ ok }) => ok !== false);
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
