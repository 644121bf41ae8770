import type { Command } from "@commander-js/extra-typings";
import { cacheOf, credentialsOf, describeProcess } from "../agent/agent.ts";
import type { CachedSession, SessionCache } from "../agent/session_cache.ts";
import { handshake, look, type Outcome, type Sighting } from "../api.ts";
import { readSetup, type Setup } from "../config.ts";
import { AnsweredNo } from "../errors.ts";
import { answer, answerJson, paint, warn } from "../output.ts";
import { giveUp } from "../permissions.ts";
import type { Environment } from "../places.ts";
import { serviceState } from "../service/state.ts";
import { valueOf } from "./_end.ts";
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
  await giveUp("status");
  const cache = cacheOf(setup, warn);
  const cached = await cache.read(new Date());
  const service = await serviceState(environment);
  const seen = await sight(setup, cache, cached);
  const { identity, connection } = setup;
  if (json) {
    answerJson({
      agent: { id: seen.id, name: seen.name },
      url: connection.url,
      liveness: seen.liveness,
      last_seen_at: seen.lastSeenAt,
      heartbeat_interval_seconds: seen.intervalSeconds,
      session_age_seconds: cached === null ? null : Math.round(cached.ageSeconds),
      last_beat_from_here: cached?.lastBeat?.toISOString() ?? null,
      service,
      credentials: identity.path ?? identity.layer,
    });
  } else {
    const online = seen.liveness === "online";
    answer(`agent     ${seen.name} (${seen.id})`);
    answer(`server    ${connection.url}`);
    answer(`liveness  ${paint(online ? "green" : "red", seen.liveness)}`);
    answer(`last beat ${seen.lastSeenAt ?? "never"}, wanted every ${seen.intervalSeconds} s`);
    answer(`session   ${cached === null ? "none kept here" : `${Math.round(cached.ageSeconds)} s old`}`);
    answer(`service   ${service}`);
    answer(`identity  from ${identity.path ?? `the ${identity.layer}`}`);
  }
  if (seen.liveness !== "online") throw new AnsweredNo("unexpected");
}

/** What the server says, asked with the kept session, or with a new one where there is none that still stands. */
async function sight(setup: Setup, cache: SessionCache, cached: CachedSession | null): Promise<Sighting> {
  if (cached !== null) {
    const seen: Outcome<Sighting> = await look(setup.connection, cached.token);
    if (seen.kind !== "refused") return valueOf(seen);
  }
  const greeting = valueOf(await handshake(setup.connection, credentialsOf(setup), describeProcess()));
  await cache.write(greeting, new Date());
  return valueOf(await look(setup.connection, greeting.token));
}
