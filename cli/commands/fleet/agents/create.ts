import { type Command, Option } from "@commander-js/extra-typings";
import { join } from "node:path";
import { actOnAgent, createAgent, type IssuedSecret } from "../../../api/operator/agents.ts";
import { withoutMark } from "../../../host/json.ts";
import { infoIfThere } from "../../../host/open_file.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { assertFree, installerFileName, openInstallerFolder } from "../../../operator/installer_folder.ts";
import { asCalled } from "../../../terminal/called.ts";
import { CliError, NegativeResult } from "../../../terminal/errors.ts";
import { answerJson, say, warn } from "../../../terminal/output.ts";
import { printable } from "../../../terminal/printable.ts";
import { Progress } from "../../../terminal/progress.ts";
import type { OperatorFlags } from "../_options.ts";
import { unwrap } from "../_outcome.ts";
import { listenForStop } from "../_stop.ts";
import { nameFault } from "../_values.ts";
import { failureJson } from "./_many.ts";
import { type HandOver, handOver, type Issued, planHandOver } from "./_issue.ts";
import {
  addOptions,
  type BeatFlags,
  beatOptions,
  type Context,
  type HandOverFlags,
  handOverOptions,
  labelsOption,
  openContext,
} from "./_options.ts";
import { agentsCalled, countOf } from "./_pick.ts";

type Flags = OperatorFlags & HandOverFlags & BeatFlags & {
  label?: Record<string, string>;
  skipExisting?: true;
};

/** What was done so far. */
interface Made {
  agents: Issued[];
  skipped: string[];
}

const example = `
The secret of each agent is shown once. It comes with the line that installs the agent on its host, which asks
for the secret there; --output writes an installer for each instead, named after its agent.

Examples:
  openclaw agents create web-1 --label role:web
  openclaw agents create web-{1..40} --output for-hosts
  openclaw agents create --output for-hosts --skip-existing < hosts.txt
`;

/** Adds `openclaw agents create`. */
export function addCreate(agents: Command, environment: Environment): void {
  const command = agents.command("create")
    .description("make agents, each with a secret that is shown once")
    .argument("[name...]", "what they are called; without one, a name a line on stdin")
    .addHelpText("after", example);
  addOptions(command, ...handOverOptions(), labelsOption(), ...beatOptions(), skipExisting());
  command.action((names, flags: Flags) => create(names, flags, environment));
}

function skipExisting(): Option {
  return new Option("--skip-existing", "pass over each name that an agent has already which is not revoked");
}

async function create(given: string[], flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  const names = given.length > 0 ? given : await readNames();
  assertNames(names);
  const context = await openContext(flags, environment);
  const plan = await planHandOver(flags, context);
  if (plan.by === "file") await openFolder(names, { plan, skips: flags.skipExisting === true });
  const made: Made = { agents: [], skipped: [] };
  try {
    await createEach(names, { made, plan, flags, context });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    sayMade(made, names, context);
    if (!context.json || made.agents.length + made.skipped.length === 0) throw error;
    // The secrets are in it, and are shown once.
    answerJson({ ...made, not_made: restOf(names, made), ...failureJson(error) });
    throw new NegativeResult(error.failure);
  }
  if (context.json) answerJson({ ...made, not_made: [] });
  else sayMade(made, names, context);
}

async function readNames(): Promise<string[]> {
  if (Deno.stdin.isTerminal()) {
    throw new CliError("usage", "Cannot make an agent: it has no name, and stdin is a terminal", {
      hint: "openclaw agents create web-1",
    });
  }
  const text = withoutMark(await new Response(Deno.stdin.readable).text());
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/** A name that comes twice is a slip, though the service takes it. */
function assertNames(names: readonly string[]): void {
  const hint = "openclaw agents create web-1 web-2";
  if (names.length === 0) throw new CliError("usage", "Cannot make an agent: there is no name", { hint });
  const seen = new Set<string>();
  for (const name of names) {
    const fault = seen.has(name) ? "it comes twice" : nameFault(name);
    seen.add(name);
    if (fault !== null) {
      throw new CliError("usage", `Cannot make an agent "${printable(name)}": ${fault}`, { hint });
    }
  }
}

/** Everything that can be wrong with the folder is found before the first agent is made. */
async function openFolder(
  names: readonly string[],
  { plan, skips }: { plan: HandOver & { by: "file" }; skips: boolean },
): Promise<void> {
  const files = new Map<string, string>();
  for (const name of names) {
    const file = installerFileName(name, plan.shell);
    const other = files.get(file);
    if (other !== undefined) {
      throw new CliError("usage", `Cannot write installers: "${name}" and "${other}" would share "${file}"`, {
        hint: "make them one after the other, each into a folder of its own",
      });
    }
    files.set(file, name);
  }
  await openInstallerFolder(plan.folder);
  if (!skips) await assertFree(plan.folder, [...files.keys()]);
}

async function createEach(
  names: readonly string[],
  { made, plan, flags, context }: { made: Made; plan: HandOver; flags: Flags; context: Context },
): Promise<void> {
  using progress = new Progress(context.environment, { isQuiet: context.json || names.length === 1 });
  using stop = listenForStop({ isQuiet: context.json });
  for (const name of names) {
    if (stop.isOrdered) {
      throw new CliError("unexpected", "Cannot make the other agents: the program was told to stop", {
        hint: "run it again with --skip-existing",
      });
    }
    if (flags.skipExisting && await skip(name, { plan, context, progress })) made.skipped.push(name);
    else made.agents.push(await createOne(name, { plan, flags, context, progress }));
    progress.show(`made ${made.agents.length} of ${names.length}`);
  }
}

/** Whether an agent has the name; one that never shook hands, and has no installer here, is worth a warning. */
async function skip(
  name: string,
  { plan, context, progress }: { plan: HandOver; context: Context; progress: Progress },
): Promise<boolean> {
  const [agent] = (await agentsCalled(name, context)).filter(({ revoked_at }) => revoked_at === null);
  if (agent === undefined) return false;
  progress.clear();
  if (agent.last_handshake_at === null && await lacksInstaller(name, plan)) {
    warn(
      `agent "${name}" is there, but has never shaken hands, and its secret is not here: ` +
        asCalled(`openclaw agents rotate ${agent.id}`) + (plan.by === "file" ? " --output <folder>" : ""),
    );
  }
  if (!context.json) say(`skipped "${name}": there is an agent of this name, ${agent.id}`);
  return true;
}

async function lacksInstaller(name: string, plan: HandOver): Promise<boolean> {
  if (plan.by === "line") return true;
  return await infoIfThere(join(plan.folder, installerFileName(name, plan.shell))) === null;
}

async function createOne(
  name: string,
  { plan, flags, context, progress }: { plan: HandOver; flags: Flags; context: Context; progress: Progress },
): Promise<Issued> {
  const { operator, json } = context;
  const file = installerFileName(name, plan.shell);
  // An agent whose installer could not be written would have to be revoked again.
  if (plan.by === "file") await assertFree(plan.folder, [file]);
  const outcome = await createAgent(operator, {
    name,
    ...(flags.label === undefined ? {} : { labels: flags.label }),
    ...(flags.interval === undefined ? {} : { heartbeat_interval_seconds: flags.interval }),
    ...(flags.progressDeadline === undefined ? {} : { progress_deadline_seconds: flags.progressDeadline }),
    ...(plan.by === "file" ? { installer: plan.shell } : {}),
  });
  progress.clear();
  // A code says that the server answered; without one, what became of the request is not known.
  if (outcome.kind === "outage" && outcome.code === undefined) {
    warn(`it is not known whether agent "${name}" was made: no reply came`);
  }
  const issued = unwrap(outcome, operator);
  try {
    return await handOver(issued, { plan, file, json });
  } catch (error) {
    throw await revokeUnusable(issued, { error, context });
  }
}

/** Nobody has the secret of an agent whose installer was not written. */
async function revokeUnusable(
  { agent }: IssuedSecret,
  { error, context: { operator } }: { error: unknown; context: Context },
): Promise<unknown> {
  if (!(error instanceof CliError)) return error;
  const outcome = await actOnAgent(operator, agent.id, "revoke");
  const became = outcome.kind === "ok"
    ? `agent "${agent.name}" (${agent.id}) was revoked again`
    : `agent "${agent.name}" (${agent.id}) is left without an installer, and could not be revoked`;
  const hint = outcome.kind === "ok" ? error.hint : `openclaw agents revoke ${agent.id}`;
  return new CliError(error.failure, `${error.message}; ${became}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What was made, where there is more to say than the one line of one agent. */
function sayMade({ agents, skipped }: Made, names: readonly string[], { json }: Context): void {
  const rest = names.length - agents.length - skipped.length;
  if (json || agents.length + skipped.length === 0 || names.length === 1) return;
  const parts = [
    `made ${countOf(agents.length)}`,
    skipped.length === 0 ? null : `skipped ${skipped.length}`,
    rest === 0 ? null : `${rest} not made`,
  ];
  say(parts.filter((part) => part !== null).join(", "));
}

function restOf(names: readonly string[], { agents, skipped }: Made): string[] {
  return names.slice(agents.length + skipped.length);
}
