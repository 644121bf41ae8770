import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { describeProcess, serverOf } from "../../agent/agent.ts";
import { warningOfFirstProcess } from "../../agent/first_process.ts";
import { type Clock, hostClock } from "../../host/clock.ts";
import { LiveSetup } from "../../agent/reload.ts";
import { Inbox } from "../../agent/inbox.ts";
import { makeJournal } from "../../agent/log/journal.ts";
import { LineWriter } from "../../agent/log/line_writer.ts";
import { lockAgent } from "../../agent/lock.ts";
import { LogFile } from "../../agent/log/log_file.ts";
import { type Deps, Monitor, type News } from "../../agent/monitor.ts";
import { makeObserver, type Watched } from "../../agent/observe/observe.ts";
import { unlessAborted } from "../../host/unless_aborted.ts";
import { parseCommand } from "../../host/child.ts";
import { parseProbeUrl, parseWatch } from "../../api/url.ts";
import { readSetup, type Setup } from "../../identity/setup.ts";
import { comesFromPipe } from "../../identity/named_agent.ts";
import { paint, redact, takeWarnings, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import type { Environment } from "../../host/paths.ts";
import { type AgentFlags, agentOptions, jsonOption, type WatchFlags, watchOptions } from "./_options.ts";
import { assertDone } from "./_outcome.ts";
import { listenToSignals } from "./_signals.ts";

interface Flags extends AgentFlags, WatchFlags {
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
    ...watchOptions(),
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
  const setup = await unlessAborted(readSetup(flags, { environment, warn: warnEarly }), inbox.stopping);
  if (setup === null) return assertDone({ type: flags.once ? "interrupted" : "stopped" });
  if (waits) listenToSignals(inbox);
  const locking = flags.once ? null : lockAgent(setup.places.state, { ...setup.identity, warn: warnEarly });
  const lock = locking && await unlessAborted(locking, inbox.stopping);
  if (locking !== null && lock === null) return assertDone({ type: "stopped" });
  const logFile = flags.logFile === undefined
    ? null
    : new LogFile(flags.logFile, { mostBytes: flags.logMaxBytes ?? 10_485_760, warn: complain });
  const { tell, flush } = makeJournal({ json: flags.json === true, quiet: flags.quiet === true, logFile });
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
  await giveUp(runsPrograms ? "monitor with a command" : "monitor");
  const process = describeProcess();
  const deps: Deps = {
    server: serverOf(() => current.setup, { ...process, timeoutMs: time.replyTimeoutMs }),
    clock: time.clock ?? hostClock,
    inbox,
    random: Math.random,
    instanceId: process.instanceId,
    observe,
    keep: (greeting) => current.cache.write(greeting, new Date()),
    touch: () => current.cache.touch(new Date()),
    reload: () => current.reload(readSetup(flags, { environment, warn: once(complain) }), inbox.stopping),
    tell,
  };
  // Its end may be far away.
  if (flags.once !== true) { for (const text of takeWarnings()) sayEarly(text); }
  tell(startOf(setup));
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

function startOf({ connection, identity }: Setup): News {
  return {
    level: "info",
    event: "started",
    text: `watching over agent ${identity.agentId} at ${connection.url}`,
    details: { agent_id: identity.agentId, url: connection.url },
  };
}

/** The page to probe may be on any host and without TLS: no secret goes there. */
function readWatched(
  { statusCommand, metricsCommand, probeUrl, watch }: Flags,
): Omit<Watched, "probe"> & { probeUrl: string | null } {
  return {
    gatewayPort: watch === undefined ? null : parseWatch(watch),
    statusCommand: statusCommand === undefined ? null : parseCommand(statusCommand, "--status-command"),
    metricsCommand: metricsCommand === undefined ? null : parseCommand(metricsCommand, "--metrics-command"),
    probeUrl: probeUrl === undefined ? null : parseProbeUrl(probeUrl),
  };
}

function parseSize(text: string): number {
  if (/^[1-9]\d{2,11}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a number of bytes of at least 100.");
}
