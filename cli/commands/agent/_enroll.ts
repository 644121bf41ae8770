import { dirname } from "node:path";
import type { Inbox } from "../../agent/inbox.ts";
import type { News } from "../../agent/monitor.ts";
import { initialState, next, type Plan } from "../../agent/rules.ts";
import {
  type Client,
  type Connection,
  enroll,
  type Enrolled,
  type Outcome,
  reportProgress,
} from "../../api/agent.ts";
import type { Clock } from "../../host/clock.ts";
import { transienceOf } from "../../host/lasting.ts";
import type { Environment, Places } from "../../host/paths.ts";
import { exists, probeFolder } from "../../host/private_file.ts";
import { lockCredentials } from "../../identity/credentials_lock.ts";
import { findCredentials } from "../../identity/credentials.ts";
import { keepEnrollmentId } from "../../identity/enrollment.ts";
import { type IdentityFlags, namedAgent } from "../../identity/named_agent.ts";
import { CliError } from "../../terminal/errors.ts";
import { writeCredentials } from "./_store.ts";

/** How long the server is waited for when it is told how far an enrollment came: that changes nothing here. */
const progressMs = 3000;

/** What an enrollment is made with. */
export interface Means {
  connection: Connection;
  places: Places;
  process: Client;
  signal?: AbortSignal;
}

/** What one try to enroll came to. `already`: another process of this host did so meanwhile. */
export type Enrollment = Outcome<Enrolled> | { kind: "already" };

/** Whether this host has an agent already: named by flags or environment, or in a credentials file. */
export async function isEnrolled(flags: IdentityFlags, environment: Environment): Promise<boolean> {
  if (namedAgent(flags, environment) !== null) return true;
  return await exists((await findCredentials(environment)).path);
}

/**
 * A code is worth as many agents as it has uses: a host that would forget its own with the next start has no place to
 * enroll.
 *
 * @throws {CliError} `usage` when the credentials' folder cannot be written or does not last
 */
export async function assertLastingPlace({ credentials }: Places, environment: Environment): Promise<void> {
  const folder = dirname(credentials);
  const unwritable = await faultOfFolder(folder) ?? await probeFolder(credentials);
  const fault = unwritable ?? await transienceOf(await Deno.realPath(folder), environment);
  if (fault === null) return;
  const elsewhere = unwritable === null ? "" : "; without a container, let this user write there";
  throw new CliError("usage", `Cannot enroll: "${folder}" is no place that lasts: ${fault}`, {
    hint: `mount a volume there: docker run -v openclaw-agent:${folder} …${elsewhere}`,
  });
}

async function faultOfFolder(folder: string): Promise<string | null> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return null;
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
}

/**
 * Asks once for an agent in exchange for the code, and stores it. The id that makes a second try the same one is on the
 * disk before the server is asked: whenever this is cut off, it can be done again.
 *
 * @throws {CliError} when the agent's credentials cannot be stored
 */
export async function enrollHost(
  code: string,
  { connection, places, process, signal }: Means,
): Promise<Enrollment> {
  const { credentials: path } = places;
  await using lock = await lockCredentials(path);
  if (lock === null) {
    return { kind: "outage", reason: "another process of this host is enrolling", retryAfter: 0 };
  }
  if (await exists(path)) return { kind: "already" };
  const key = { code, enrollmentId: await keepEnrollmentId(places) };
  const outcome = await enroll(connection, key, { client: process.client, signal });
  if (outcome.kind !== "ok") return outcome;
  const { agentId, secret } = outcome.value;
  try {
    await writeCredentials({ url: connection.url, agentId, secret }, places);
  } catch (error) {
    if (error instanceof Error) await tellFailure(connection, key, error.message);
    throw error;
  }
  await reportProgress(connection, key, {
    progress: { step: "store_credentials", failed: false },
    timeoutMs: progressMs,
    signal,
  });
  return outcome;
}

/** The server's row of this host says what is wrong; that it is not told is no other failure. */
async function tellFailure(
  connection: Connection,
  key: { code: string; enrollmentId: string },
  message: string,
): Promise<void> {
  const detail = [...message].slice(0, 500).join("");
  const progress = { step: "store_credentials", failed: true, detail };
  await reportProgress(connection, key, { progress, timeoutMs: progressMs });
}

interface Patience {
  /** Read again for each try: somebody may put another code in the file's place. */
  readCode: () => Promise<string>;
  means: Means;
  inbox: Inbox;
  clock: Clock;
  random: () => number;
  tell: (news: News) => void;
}

/**
 * Enrolls, and waits for a server that is down or that refuses the code, by the client rules. False: it was told to
 * stop first.
 */
export async function enrollPatiently(patience: Patience): Promise<boolean> {
  const { readCode, means, inbox, clock, random, tell } = patience;
  let plan = next(initialState, startAt(clock.monotonic()), random);
  let told: string | null = null;
  while (await waitFor(plan, patience)) {
    const outcome = await enrollHost(await readCode(), { ...means, signal: inbox.stopping });
    if (outcome.kind === "already") return true;
    if (outcome.kind === "ok") {
      const text = `enrolled as agent "${outcome.value.name}"`;
      tell({ level: "info", event: "enrolled", text, details: { agent_id: outcome.value.agentId } });
      return true;
    }
    if (inbox.isStopping) return false;
    const at = clock.monotonic();
    const isVerdict = outcome.kind === "refused" && outcome.code === "invalid_credentials";
    const retryAfter = outcome.kind === "outage" ? outcome.retryAfter : 0;
    plan = next(plan.state, isVerdict ? { type: "refused", at } : { type: "outage", at, retryAfter }, random);
    const reason = outcome.kind === "outage"
      ? `cannot reach the server: ${outcome.reason}`
      : outcome.description;
    const isNews = told !== reason;
    told = reason;
    tell({
      level: isNews ? outcome.kind === "refused" ? "error" : "warn" : "debug",
      event: isVerdict ? "refused" : "outage",
      text: `${reason}; asking again in ${plan.wait.toFixed(plan.wait < 10 ? 1 : 0)} s`,
    });
  }
  return false;
}

function startAt(at: number) {
  return { type: "start", at, session: null, intervalSeconds: initialState.intervalSeconds } as const;
}

/** Until the next try is due, or its reason may be gone: a signal to read again. False: it was told to stop. */
async function waitFor({ state }: Plan, { inbox, clock }: Patience): Promise<boolean> {
  while (true) {
    const order = inbox.take();
    if (order !== null) return order === "reload";
    const left = state.due.at - clock.monotonic();
    if (left <= 0) return true;
    await clock.sleep(left, inbox.signal);
  }
}
