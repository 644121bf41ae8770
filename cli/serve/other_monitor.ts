import type { Database } from "../../supabase/functions/_shared/database/port.ts";
import { ConfigurationError } from "../../supabase/functions/_shared/env.ts";
import type { Log } from "../../supabase/functions/_shared/log.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import type { Environment } from "../host/paths.ts";
import { readSecretFile } from "../identity/secret_file.ts";
import type { Pulse } from "./pulse.ts";
import type { Job } from "./schedule.ts";

const names = { url: "OPENCLAW_HEARTBEAT_URL", file: "OPENCLAW_HEARTBEAT_URL_FILE" } as const;
const hint = `${names.file}=<file>, with a file that this user can read`;
const usualTimeoutMs = 10_000;

interface Deps {
  database: { agents: Pick<Database["agents"], "count"> };
  /** The work whose standstill the other monitor has to hear of. */
  pulse: Pick<Pulse, "standsStill">;
  log: Log;
  timeoutMs?: number;
}

/**
 * The address of another monitor, which the environment or a file holds; null where there is none. Anybody with
 * such an address can speak for this server: no message repeats it.
 *
 * @throws {ConfigurationError} when both are set, or what is there is no such address
 * @throws {CliError} as `readSecretFile`
 */
export async function readOtherMonitor(
  environment: Environment,
  warn: (text: string) => void,
): Promise<URL | null> {
  const [given, file] = [environment(names.url) || null, environment(names.file) || null];
  if (given !== null && file !== null) {
    throw new ConfigurationError(
      `Cannot start: both ${names.url} and ${names.file} are set, unset one of them`,
    );
  }
  const kind = { noun: "the address of the other monitor", hint, typedHint: hint };
  const text = file === null ? given : await readSecretFile(file, warn, kind);
  return text === null
    ? null
    : parse(text.replace(/^\uFEFF/, "").trim(), file === null ? names.url : names.file);
}

/**
 * Beats at another monitor each minute with the counts of the agents, as long as the pulse goes on and the database
 * answers. Not at the start: a server that fails a second after each start is not well.
 */
export function otherMonitorJob(url: URL, { database, pulse, log, timeoutMs = usualTimeoutMs }: Deps): Job {
  let wasWell = true;
  const tell = (fault: string | null): void => {
    if (fault !== null && wasWell) log.line("warn", "no heartbeat at the other monitor", { cause: fault });
    if (fault === null && !wasWell) log.line("info", "heartbeats at the other monitor again");
    wasWell = fault === null;
  };
  return {
    name: "heartbeat at the other monitor",
    everyMs: 60_000,
    async run() {
      if (pulse.standsStill) return tell("this server's own schedule stands still");
      const agents = await database.agents.count();
      tell(await beat(url, { body: JSON.stringify({ version, agents }), timeoutMs }));
    },
  };
}

/** What kept the beat from being taken; null when it was. */
async function beat(
  url: URL,
  { body, timeoutMs }: { body: string; timeoutMs: number },
): Promise<string | null> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const reply = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": `openclaw/${version}` },
      body,
      redirect: "manual",
      signal,
    });
    await reply.body?.cancel();
    if (reply.ok) return null;
    const isRedirect = reply.status >= 300 && reply.status < 400;
    return isRedirect
      ? `it redirects (${reply.status}), which is not followed`
      : `it answered with ${reply.status}`;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return signal.aborted ? `no reply within ${timeoutMs / 1000} s` : withoutAddress(url, error);
  }
}

/** The runtime's words have the address in them. */
function withoutAddress({ host, hostname }: URL, { message, cause }: Error): string {
  const words = cause instanceof Error ? cause.message : message;
  return words.replace(/\(?https?:\/\/[^\s)]*\)?/g, "it").replaceAll(host, "it").replaceAll(hostname, "it");
}

function parse(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new ConfigurationError(
      `Cannot start: ${name} holds no address of a monitor, expected https:// and no user or password in it`,
    );
  }
  return url;
}
