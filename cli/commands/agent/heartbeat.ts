import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { describeProcess, serverOf } from "../../agent/agent.ts";
import { readBackIn } from "../../identity/back_in.ts";
import { hostClock } from "../../host/clock.ts";
import { Inbox } from "../../agent/inbox.ts";
import { Monitor } from "../../agent/monitor.ts";
import { makeObserver, unwatched } from "../../agent/observe/observe.ts";
import { LiveSetup } from "../../agent/reload.ts";
import { longestText } from "../../api/agent.ts";
import { unlessAborted } from "../../host/unless_aborted.ts";
import { readSetup } from "../../identity/setup.ts";
import { comesFromPipe } from "../../identity/named_agent.ts";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import type { Environment } from "../../host/paths.ts";
import { makeKeeper } from "./_keeper.ts";
import { assertDone } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";
import { listenToSignals } from "./_signals.ts";

const statuses = ["healthy", "degraded", "unhealthy", "stopping"] as const;

interface Flags extends AgentFlags {
  status?: typeof statuses[number];
  message?: string;
  backIn?: string;
  json?: true;
  quiet?: true;
}

/** Adds `openclaw heartbeat`: one beat, with the cached session while it is good. */
export function addHeartbeat(program: Command, environment: Environment): void {
  const command = program.command("heartbeat")
    .description("send one heartbeat, for cron; a session that is still good is used again")
    .addHelpText("after", "\nExample:\n  * * * * *  /usr/local/bin/openclaw-agent heartbeat --quiet\n");
  for (const option of [...agentOptions(), ...heartbeatOptions(), jsonOption()]) command.addOption(option);
  command.action((flags: Flags) => heartbeat(flags, environment));
}

function heartbeatOptions(): Option[] {
  return [
    new Option("--status <status>", "how the host is").choices(statuses),
    new Option("--message <text>", "why; at most 500 characters").argParser(parseMessage),
    new Option(
      "--back-in <seconds>",
      "with --status stopping: when the agent is to be back (env: OPENCLAW_BACK_IN)",
    ),
    new Option("--quiet", "say only what is wrong"),
  ];
}

async function heartbeat(
  { status, message, backIn, json, quiet, ...flags }: Flags,
  environment: Environment,
): Promise<void> {
  const backInSeconds = readBackIn(backIn, environment);
  if (backIn !== undefined && status !== "stopping") {
    throw new CliError("usage", "Cannot use --back-in: it goes with --status stopping", {
      hint: "openclaw heartbeat --status stopping --back-in 120",
    });
  }
  const inbox = new Inbox();
  // Deno 2.4 stands still while it opens a pipe: a signal then has to find the system's own answer.
  const waits = await comesFromPipe(flags, environment);
  if (!waits) listenToSignals(inbox);
  const setup = await unlessAborted(readSetup(flags, { environment, warn }), inbox.stopping);
  if (setup === null) return assertDone({ type: "interrupted" });
  if (waits) listenToSignals(inbox);
  const observe = makeObserver(unwatched, warn);
  const current = new LiveSetup({ setup, lock: null }, warn);
  const process = describeProcess();
  const keeper = await makeKeeper(current, { environment, process, warn });
  await giveUp("heartbeat");
  const end = await new Monitor({
    server: serverOf(() => current.setup, keeper),
    clock: hostClock,
    inbox,
    random: Math.random,
    instanceId: process.instanceId,
    async observe(signal) {
      const { metrics } = await observe(signal);
      return {
        status: status ?? "healthy",
        metrics,
        ...(message === undefined ? {} : { message }),
        ...(status === "stopping" ? { backInSeconds } : {}),
      };
    },
    keep: (greeting) => current.keep(greeting),
    touch: () => current.cache.touch(new Date()),
    reload: () => Promise.resolve("same"),
    reread: () => current.reread(readSetup(flags, { environment, warn: () => undefined }), inbox.stopping),
    rotateEverySeconds: null,
    tell: () => undefined,
  }, await current.cache.read(new Date())).once();
  assertDone(end);
  if (end.type !== "accepted") return;
  const { nextHeartbeatIn, intervalSeconds } = end.acceptance;
  if (json) {
    answerJson({ ok: true, next_heartbeat_in: nextHeartbeatIn, heartbeat_interval_seconds: intervalSeconds });
  } else if (!quiet) say(`the beat was accepted, the next one is due in ${nextHeartbeatIn} s`);
}

/** What the server would take: line feeds are the only control characters that it allows. */
function parseMessage(text: string): string {
  const { length } = [...text];
  if (length > longestText) {
    throw new InvalidArgumentError(`It has ${length} characters, at most ${longestText} are allowed.`);
  }
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text)) {
    throw new InvalidArgumentError("It has a control character other than a line feed.");
  }
  return text;
}
