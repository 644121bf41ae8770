import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { describeProcess, serverOf } from "../../agent/agent.ts";
import { readBackIn } from "../../identity/back_in.ts";
import { abilities } from "../../agent/keeper.ts";
import { warningOfFirstProcess } from "../../agent/first_process.ts";
import { type Clock, hostClock } from "../../host/clock.ts";
import { LiveSetup } from "../../agent/reload.ts";
import { Inbox } from "../../agent/inbox.ts";
import { type Journal, makeJournal } from "../../agent/log/journal.ts";
import { LineWriter } from "../../agent/log/line_writer.ts";
import { lockAgent } from "../../agent/lock.ts";
import { LogFile } from "../../agent/log/log_file.ts";
import { type Deps, Monitor, type News } from "../../agent/monitor.ts";
import { makeObserver, type Watched } from "../../agent/observe/observe.ts";
import { unlessAborted } from "../../host/unless_aborted.ts";
import { parseCommand } from "../../host/child.ts";
import { parseProbeUrl, parseWatch } from "../../api/url.ts";
import { namesCode, readCode } from "../../identity/enrollment.ts";
import { parseSecretAge } from "../../identity/secret_age.ts";
import { readConnection, readSetup, type Setup } from "../../identity/setup.ts";
import { comesFromPipe } from "../../identity/named_agent.ts";
import { paint, redact, takeWarnings, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { CliError } from "../../terminal/errors.ts";
import { type AgentFlags, agentOptions, jsonOption, type LifeFlags, lifeOptions } from "./_options.ts";
import { makeKeeper } from "./_keeper.ts";
import { assertLastingPlace, enrollHost, enrollPatiently, isEnrolled } from "./_enroll.ts";
import { assertDone, unwrap } from "./_outcome.ts";
import { listenToSignals } from "./_signals.ts";

interface Flags extends AgentFlags, LifeFlags {
  once?: true;
  json?: true;
  quiet?: true;
  logFile?: string;
  logMaxBytes?: number;
}

const example = `
Examples:
  openclaw monitor --agent-id=0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11 --agent-secret-file=/run/secrets/openclaw-agent
  openclaw monitor --status-command '/usr/lib/nagios/plugins/check_disk -w 10% -p /'
  openclaw monitor --watch openclaw
`;

/** What a monitor takes from its host; the program leaves it as it is. */
interface Time {
  clock?: Clock;
  /** After how long a request without a reply is given up. */
  replyTimeoutMs?: number | undefined;
}

/** Adds `openclaw monitor`: the agent's life. */
export function addMonitor(program: Command, environment: Environment, time: Time = {}): void {
  const command = program.command("monitor")
    .description("shake hands, then send heartbeats until told to stop")
    .addHelpText("after", example);
  for (const option of [...agentOptions(), ...monitorOptions()]) command.addOption(option);
  command.action((flags: Flags) => monitor(flags, { environment, time }));
}

function monitorOptions(): Option[] {
  return [
    ...lifeOptions(),
    new Option("--once", "one beat, then end"),
    jsonOption("one JSON object a line on stdout"),
    new Option("--quiet", "say only what is wrong"),
    new Option("--log-file <file>", "write the lines to this file, too; three older ones are kept"),
    new Option("--log-max-bytes <number>", "rotate the log file at this size (default: 10485760)")
      .argParser(parseSize),
  ];
}

async function monitor(flags: Flags, given: { environment: Environment; time: Time }): Promise<void> {
  const early = new LineWriter(Deno.stderr);
  try {
    await live(flags, { ...given, early });
  } finally {
    await early.flush(500);
  }
}

/** What is warned of before there is a journal goes to `early`: nobody may be there to read it. */
async function live(
  flags: Flags,
  { environment, time, early }: { environment: Environment; time: Time; early: LineWriter },
): Promise<void> {
  const sayEarly = (text: string): void => early.line(redact(`${paint("yellow", "warning:")} ${text}`));
  // With --json, an error that comes first has the warnings in it.
  const said = new Set<string>();
  // A reload does not repeat the warnings of the start.
  const once = (hear: (text: string) => void) => (text: string): void => {
    if (!said.has(text)) hear(text);
    said.add(text);
  };
  const warnEarly = once(flags.json ? warn : sayEarly);
  const inbox = new Inbox();
  // Deno 2.4 stands still while it opens a pipe: a signal then has to find the system's own answer.
  const waits = await comesFromPipe(flags, environment);
  if (!waits) listenToSignals(inbox);
  const { probeUrl, ...commands } = readWatched(flags);
  const rotateEverySeconds = flags.rotateEvery === undefined ? null : parseSecretAge(flags.rotateEvery);
  const backInSeconds = readBackIn(flags.backIn, environment);
  const journal = journalOf(flags);
  if (namesCode(environment)) {
    const around = { environment, time, inbox, warn: warnEarly, journal };
    if (!await enrollFirst(flags, around)) {
      return assertDone({ type: flags.once ? "interrupted" : "stopped" });
    }
  }
  const setup = await unlessAborted(readSetup(flags, { environment, warn: warnEarly }), inbox.stopping);
  if (setup === null) return assertDone({ type: flags.once ? "interrupted" : "stopped" });
  if (waits) listenToSignals(inbox);
  const locking = flags.once ? null : lockAgent(setup.places.state, { ...setup.identity, warn: warnEarly });
  const lock = locking && await unlessAborted(locking, inbox.stopping);
  if (locking !== null && lock === null) return assertDone({ type: "stopped" });
  const { tell, flush } = journal();
  function complain(text: string): void {
    tell({ level: "warn", event: "warning", text });
  }
  const current = new LiveSetup({ setup, lock }, complain);
  const probe = probeUrl === null ? null : {
    url: probeUrl,
    client: () => current.setup.connection.pool?.client,
    hangUp: () => current.setup.connection.pool?.renew(),
  };
  const observe = makeObserver({ ...commands, probe }, complain);
  const runsPrograms = commands.statusCommand !== null || commands.metricsCommand !== null;
  const process = { ...describeProcess(), timeoutMs: time.replyTimeoutMs };
  const keeper = await makeKeeper(current, { environment, process, warn: complain });
  await giveUp(runsPrograms ? "monitor with a command" : "monitor");
  const deps: Deps = {
    server: serverOf(() => current.setup, keeper, time.replyTimeoutMs),
    clock: time.clock ?? hostClock,
    inbox,
    random: Math.random,
    instanceId: process.instanceId,
    observe,
    keep: (greeting) => current.keep(greeting),
    touch: () => current.cache.touch(new Date()),
    reload: () => current.reload(readSetup(flags, { environment, warn: once(complain) }), inbox.stopping),
    reread: () => current.reread(readSetup(flags, { environment, warn: () => undefined }), inbox.stopping),
    rotateEverySeconds,
    backInSeconds,
    tell,
  };
  // Its end may be far away.
  if (flags.once !== true) { for (const text of takeWarnings()) sayEarly(text); }
  const kept = await keeper.unreplaceable();
  tell(startOf(setup, kept));
  if (kept !== null && rotateEverySeconds !== null) complain(`--rotate-every is of no use here: ${kept}`);
  const warning = warningOfFirstProcess(Deno.pid, runsPrograms);
  if (warning !== null) complain(warning);
  try {
    const life = new Monitor(deps, await current.cache.read(new Date()));
    assertDone(await (flags.once ? life.once() : life.run()));
  } finally {
    current.release();
    await flush();
  }
}

/** The journal, which begins with the first line that is told: a monitor that does not start leaves no log file. */
function journalOf(
  { json, quiet, logFile: path, logMaxBytes: mostBytes = 10_485_760 }: Flags,
): () => Journal {
  let journal: Journal | null = null;
  const warn = (text: string): void => open().tell({ level: "warn", event: "warning", text });
  function open(): Journal {
    const logFile = journal === null && path !== undefined ? new LogFile(path, { mostBytes, warn }) : null;
    return journal ??= makeJournal({ json: json === true, quiet: quiet === true, logFile });
  }
  return open;
}

interface Enrolling {
  environment: Environment;
  time: Time;
  inbox: Inbox;
  warn: (text: string) => void;
  journal: () => Journal;
}

/** Exchanges the environment's code for an agent where this host has none. False: it was told to stop first. */
async function enrollFirst(
  flags: Flags,
  { environment, time: { clock = hostClock }, inbox, warn, journal }: Enrolling,
): Promise<boolean> {
  const tell = (news: News): void => journal().tell(news);
  if (await isEnrolled(flags, environment)) {
    const text = "this host is enrolled already: the enrollment code is not used";
    tell({ level: "info", event: "enrolled_already", text });
    return true;
  }
  let code = await readCode(undefined, environment, warn);
  if (code === null) return true;
  const places = await placesHere(environment);
  await assertLastingPlace(places, environment);
  const connection = await readConnection(flags, environment, null);
  const means = { connection, places, process: describeProcess(abilities) };
  if (flags.once) {
    const outcome = await enrollHost(code, { ...means, signal: inbox.stopping });
    if (outcome.kind !== "already" && !inbox.isStopping) unwrap(outcome);
    return !inbox.isStopping;
  }
  const readAgain = async (): Promise<string> => code = await codeOr(code, environment);
  return await enrollPatiently({ readCode: readAgain, means, inbox, clock, random: Math.random, tell });
}

/** The code as it is named now, or the former one where that cannot be read. */
async function codeOr(former: string | null, environment: Environment): Promise<string> {
  try {
    return await readCode(undefined, environment, () => undefined) ?? former ?? "";
  } catch (error) {
    if (error instanceof CliError) return former ?? "";
    throw error;
  }
}

/** `kept` is why the secret is not rotated, if it is not. */
function startOf({ connection, identity }: Setup, kept: string | null): News {
  const why = kept === null ? "" : `; its secret is not rotated: ${kept}`;
  return {
    level: "info",
    event: "started",
    text: `watching over agent ${identity.agentId} at ${connection.url}${why}`,
    details: {
      agent_id: identity.agentId,
      url: connection.url,
      ...(kept === null ? {} : { not_rotated: kept }),
    },
  };
}

/** The page to probe may be on any host and without TLS: no secret goes there. */
function readWatched(
  { statusCommand, metricsCommand, probeUrl, progressFile, watch }: Flags,
): Omit<Watched, "probe"> & { probeUrl: string | null } {
  return {
    gatewayPort: watch === undefined ? null : parseWatch(watch),
    statusCommand: statusCommand === undefined ? null : parseCommand(statusCommand, "--status-command"),
    metricsCommand: metricsCommand === undefined ? null : parseCommand(metricsCommand, "--metrics-command"),
    progressFile: progressFile ?? null,
    probeUrl: probeUrl === undefined ? null : parseProbeUrl(probeUrl),
  };
}

function parseSize(text: string): number {
  if (/^[1-9]\d{2,11}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a number of bytes of at least 100.");
}
