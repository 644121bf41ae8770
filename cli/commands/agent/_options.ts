import { Option } from "@commander-js/extra-typings";
import type { ConnectionFlags } from "../../identity/setup.ts";
import type { IdentityFlags } from "../../identity/named_agent.ts";

/** What every command that talks to a server as an agent may be told. */
export type AgentFlags = ConnectionFlags & IdentityFlags;

/** The way to the server. */
export function connectionOptions(): Option[] {
  return [
    new Option("--url <url>", "the server (env: OPENCLAW_URL)"),
    new Option("--ca-file <file>", "trust these certificates too, in PEM (env: SSL_CERT_FILE)"),
    new Option("--insecure-http", "allow http to another host: the secret crosses the network in the clear"),
  ];
}

/** Who this agent is. Id and secret come from one place together: flags, environment or credentials file. */
export function identityOptions(): Option[] {
  return [
    new Option("--agent-id <uuid>", "this agent (env: OPENCLAW_AGENT_ID)"),
    new Option("--agent-secret-file <file>", "its secret, - for stdin (env: OPENCLAW_AGENT_SECRET_FILE)"),
    new Option(
      "--agent-secret <secret>",
      "its secret (visible to every user of this host in ps) (env: OPENCLAW_AGENT_SECRET)",
    ),
  ];
}

/** What a monitor looks at before each beat, besides the host itself; when it has its secret replaced; what a stop says. */
export interface LifeFlags {
  watch?: string | undefined;
  probeUrl?: string | undefined;
  statusCommand?: string | undefined;
  metricsCommand?: string | undefined;
  rotateEvery?: string | undefined;
  progressFile?: string | undefined;
  backIn?: string | undefined;
}

/** What `monitor` and its service take alike. */
export function lifeOptions(): Option[] {
  return [
    new Option(
      "--watch <program>",
      "openclaw or openclaw:<port>: unhealthy unless the AI gateway of that name on this host is ready",
    ),
    new Option("--probe-url <url>", "get this page before each beat: latency_ms, and degraded unless 2xx"),
    new Option("--status-command <command>", "run it before each beat: exit code 0 is healthy, 1 degraded"),
    new Option("--metrics-command <command>", "run it before each beat: the numbers of its JSON are metrics"),
    new Option("--rotate-every <duration>", "have the secret replaced at about this age: 30d, 12h"),
    new Option("--progress-file <file>", "a file that changes as long as the work moves"),
    new Option(
      "--back-in <seconds>",
      "what a stop says: when the agent is to be back (env: OPENCLAW_BACK_IN)",
    ),
  ];
}

export function agentOptions(): Option[] {
  return [...connectionOptions(), ...identityOptions()];
}

export function jsonOption(what = "print one JSON object on stdout"): Option {
  return new Option("--json", what);
}
