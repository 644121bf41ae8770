import type { Command } from "@commander-js/extra-typings";
import { describeProcess, serverOf } from "../../agent/agent.ts";
import { Inbox } from "../../agent/inbox.ts";
import { type Ended, runJob } from "../../agent/job.ts";
import { type End, Monitor } from "../../agent/monitor.ts";
import { makeObserver, unwatched } from "../../agent/observe/observe.ts";
import { LiveSetup } from "../../agent/reload.ts";
import { hostClock } from "../../host/clock.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { readSetup } from "../../identity/setup.ts";
import { CliError, EndsWith } from "../../terminal/errors.ts";
import { say, warn } from "../../terminal/output.ts";
import { makeKeeper } from "./_keeper.ts";
import { type AgentFlags, agentOptions } from "./_options.ts";

/** How long a beat may take to be delivered. */
export const mostSeconds = 30;

/** A quarter of the usual waits, so that the 30 s have room for some tries. */
export function hastily(): number {
  return Math.random() / 4;
}

/** Adds `openclaw run`: a job of cron, whose end is a beat. */
export function addRun(program: Command, environment: Environment): void {
  const command = program.command("run")
    .description("run a job, for cron, and beat when it ends: healthy for exit code 0, else unhealthy")
    .argument("<command...>", "the job, after --")
    .addHelpText(
      "after",
      "\nExample:\n  0 3 * * *  /usr/local/bin/openclaw-agent run -- /usr/local/bin/backup --all\n",
    );
  for (const option of agentOptions()) command.addOption(option);
  command.action((words, flags: AgentFlags) => run(words, flags, environment));
}

/** Whatever becomes of the beat, the job runs, and its exit code is this program's. @throws {EndsWith} that code */
async function run(words: string[], flags: AgentFlags, environment: Environment): Promise<void> {
  if (flags.agentSecretFile === "-") {
    throw new CliError("usage", "Cannot read the secret from stdin: that is the job's", {
      hint: "--agent-secret-file <file>, or openclaw configure",
    });
  }
  await giveUp("run");
  const ended = await runJob(words, { stdout: Deno.stdout.writable, stderr: Deno.stderr.writable });
  if (ended.code === 126 || ended.code === 127) say(ended.lastWords ?? "");
  const fault = await faultOfDelivery(ended, flags, environment);
  if (fault !== null) warn(`the server was not told how the job ended: ${fault}`);
  throw new EndsWith(ended.code);
}

/** Why the beat was not delivered; null: it was. */
async function faultOfDelivery(
  ended: Ended,
  flags: AgentFlags,
  environment: Environment,
): Promise<string | null> {
  try {
    const end = await deliver(ended, flags, environment);
    if (end.type === "accepted") return null;
    return "reason" in end ? end.reason : `no reply within ${mostSeconds} s`;
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
}

/** Tries to deliver the beat for at most 30 s, or until a signal comes. */
async function deliver(
  { code, lastWords }: Ended,
  flags: AgentFlags,
  environment: Environment,
): Promise<End> {
  const inbox = new Inbox();
  const over = setTimeout(() => inbox.put("stop"), mostSeconds * 1000);
  const stop = (): void => inbox.put("stop");
  for (const signal of stopSignals) Deno.addSignalListener(signal, stop);
  try {
    const setup = await readSetup(flags, { environment, warn });
    const current = new LiveSetup({ setup, lock: null }, warn);
    const process = describeProcess();
    const keeper = await makeKeeper(current, { environment, process, warn });
    const observe = makeObserver(unwatched, warn);
    return await new Monitor({
      server: serverOf(() => current.setup, keeper),
      clock: hostClock,
      inbox,
      random: hastily,
      instanceId: process.instanceId,
      async observe(signal) {
        const { metrics } = await observe(signal);
        const message = lastWords === null ? {} : { message: lastWords };
        return { status: code === 0 ? "healthy" : "unhealthy", metrics, ...message };
      },
      keep: (greeting) => current.keep(greeting),
      touch: () => current.cache.touch(new Date()),
      reload: () => Promise.resolve("same"),
      reread: () => current.reread(readSetup(flags, { environment, warn: () => undefined }), inbox.stopping),
      rotateEverySeconds: null,
      tell: () => undefined,
    }, await current.cache.read(new Date())).untilAccepted(mostSeconds);
  } finally {
    clearTimeout(over);
    for (const signal of stopSignals) Deno.removeSignalListener(signal, stop);
  }
}

const stopSignals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
