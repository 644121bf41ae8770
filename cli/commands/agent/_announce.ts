import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import { abilities } from "../../agent/keeper.ts";
import { beat, type Outcome } from "../../api/agent.ts";
import type { Environment } from "../../host/paths.ts";
import type { StoredCredentials } from "../../identity/credentials.ts";
import { connectTo } from "../../identity/setup.ts";
import type { ServiceOptions } from "../../service/options.ts";
import { CliError } from "../../terminal/errors.ts";

/** How long a service that starts again may stay away before anybody is told. */
const backInSeconds = 120;
/** Each of two requests has as long as a farewell. */
const timeoutMs = 3000;

/**
 * Tells the server of an agent, whose service has just stopped, that it will be back in two minutes: one that stays away
 * is then late, and not stopped for good. A server that cannot be told is a warning: nobody waits for it.
 */
export async function announceReturn(
  { url, next = null, ...key }: StoredCredentials,
  { caFile, insecureHttp }: ServiceOptions,
  { environment, warn }: { environment: Environment; warn: (text: string) => void },
): Promise<void> {
  const flags = {
    ...(caFile === null ? {} : { caFile }),
    ...(insecureHttp ? { insecureHttp } : {}),
  };
  try {
    const connection = await connectTo({ url, from: "the credentials file" }, flags, environment);
    const process = describeProcess(abilities);
    const { outcome: greeting } = await greet({ connection, identity: { ...key, next } }, {
      ...process,
      timeoutMs,
    });
    if (greeting.kind !== "ok") return warn(untold(greeting));
    const { instanceId } = process;
    const report = { status: "stopping", metrics: {}, backInSeconds, seq: 1, instanceId } as const;
    const told = await beat(connection, greeting.value.token, { report, timeoutMs });
    if (told.kind !== "ok") warn(untold(told));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    warn(`the server was not told that the agent will be back: ${error.message}`);
  }
}

function untold(outcome: Exclude<Outcome<unknown>, { kind: "ok" }>): string {
  const reason = outcome.kind === "refused" ? outcome.description : outcome.reason;
  return `the server was not told that the agent will be back: ${reason}`;
}
