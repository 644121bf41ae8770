import type { Command } from "@commander-js/extra-typings";
import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import { type CachedSession, cacheOf, type SessionCache } from "../../agent/session_cache.ts";
import { type AgentView, type Client, getAgentView, type Outcome } from "../../api/agent.ts";
import { readSetup, type Setup } from "../../identity/setup.ts";
import { CliError, NegativeResult } from "../../terminal/errors.ts";
import { answer, answerJson, paint, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import type { Environment } from "../../host/paths.ts";
import { serviceState } from "../../service/state.ts";
import { supportsOf } from "./_keeper.ts";
import { unwrap } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

type Flags = AgentFlags & { json?: true };

/** Adds `openclaw status`. */
export function addStatus(program: Command, environment: Environment): void {
  const command = program.command("status")
    .description("tell which agent this host is, and whether it is online (exit code 0) or not (1)")
    .addHelpText("after", "\nExample:\n  openclaw status --json\n");
  for (const option of [...agentOptions(), jsonOption()]) command.addOption(option);
  command.action((flags: Flags) => status(flags, environment));
}

async function status({ json, ...flags }: Flags, environment: Environment): Promise<void> {
  const setup = await readSetup(flags, { environment, warn });
  const process = describeProcess(await supportsOf(setup, environment));
  await giveUp("status");
  const cache = cacheOf(setup, warn);
  const cached = await cache.read(new Date());
  const lastBeat = await cache.lastBeat();
  const service = await serviceState(environment);
  const seen = await sight(setup, process, { cache, cached });
  const report = { setup, cached, lastBeat, service, seen };
  if (json) answerJson(inJson(report));
  else for (const line of inLines(report)) answer(line);
  if (!(seen instanceof CliError)) {
    if (seen.liveness !== "online") throw new NegativeResult("unexpected");
  } else if (json) throw new NegativeResult(seen.failure);
  else throw seen;
}

/** What there is to say of this host; without the server's part where the server could not be reached. */
interface Report {
  setup: Setup;
  cached: CachedSession | null;
  /** What this host itself knows of. */
  lastBeat: Date | null;
  service: string;
  seen: AgentView | CliError;
}

function inJson({ setup: { connection, identity }, cached, lastBeat, service, seen }: Report): object {
  const known = seen instanceof CliError ? null : seen;
  return {
    agent: { id: known?.id ?? identity.agentId, name: known?.name ?? null },
    url: connection.url,
    liveness: known?.liveness ?? "unknown",
    last_seen_at: known?.lastSeenAt ?? null,
    heartbeat_interval_seconds: known?.intervalSeconds ?? null,
    session_age_seconds: cached === null ? null : Math.round(cached.ageSeconds),
    last_beat_from_here: lastBeat?.toISOString() ?? null,
    service,
    credentials: identity.path ?? identity.layer,
    ...(seen instanceof CliError ? { error: seen.failure, message: seen.message, hint: seen.hint } : {}),
  };
}

function inLines({ setup: { connection, identity }, cached, lastBeat, service, seen }: Report): string[] {
  const known = seen instanceof CliError ? null : seen;
  const liveness = known?.liveness ?? "unknown";
  return [
    `agent     ${known === null ? identity.agentId : `${known.name} (${known.id})`}`,
    `server    ${connection.url}`,
    `liveness  ${paint(liveness === "online" ? "green" : "red", liveness, "stdout")}`,
    known === null
      ? `last beat ${lastBeat?.toISOString() ?? "none known of here"}`
      : `last beat ${known.lastSeenAt ?? "never"}, wanted every ${known.intervalSeconds} s`,
    `session   ${cached === null ? "none kept here" : `${Math.round(cached.ageSeconds)} s old`}`,
    `service   ${service}`,
    `identity  from ${identity.path ?? `the ${identity.layer}`}`,
  ];
}

/**
 * What the server says, asked with the kept session, or with a new one where there is none that still stands; or
 * why it says nothing.
 */
async function sight(
  setup: Setup,
  process: Client,
  { cache, cached }: { cache: SessionCache; cached: CachedSession | null },
): Promise<AgentView | CliError> {
  try {
    if (cached !== null) {
      const seen: Outcome<AgentView> = await getAgentView(setup.connection, cached.token);
      if (seen.kind !== "refused") return unwrap(seen);
    }
    const greeting = unwrap((await greet(setup, process)).outcome);
    await cache.write(greeting, new Date());
    return unwrap(await getAgentView(setup.connection, greeting.token));
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
}
