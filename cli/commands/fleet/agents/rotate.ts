import { type Command, Option } from "@commander-js/extra-typings";
import { actOnAgent, type Agent, rotateSecret } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { assertFree, installerFileName, openInstallerFolder } from "../../../operator/installer_folder.ts";
import { asCalled } from "../../../terminal/called.ts";
import { CliError, NegativeResult } from "../../../terminal/errors.ts";
import { answerJson, say, warn } from "../../../terminal/output.ts";
import { Progress } from "../../../terminal/progress.ts";
import { assertMeant } from "../_ask.ts";
import type { OperatorFlags } from "../_options.ts";
import { unwrap } from "../_outcome.ts";
import { listenForStop } from "../_stop.ts";
import { secondsBetween } from "../_values.ts";
import { type HandOver, handOver, type Issued, planHandOver } from "./_issue.ts";
import { actOnEach, failureJson } from "./_many.ts";
import {
  addOptions,
  type Context,
  type HandOverFlags,
  handOverOptions,
  openContext,
  type SelectionFlags,
  selectionOptions,
  type YesFlag,
  yesOption,
} from "./_options.ts";
import { countOf, describe, selectAgents, type Selection } from "./_pick.ts";

type Flags = OperatorFlags & SelectionFlags & YesFlag & HandOverFlags & {
  overlap?: number;
  leaked?: true;
  request?: true;
};

const example = `
The new secret is shown once. The one before stays good for the overlap, an hour unless --overlap says
otherwise. With --leaked it and all sessions end at once. --request has the agents rotate by themselves, where
they can, and shows no secret.

Examples:
  openclaw agents rotate web-1
  openclaw agents rotate web-1 --leaked --yes --output for-hosts
  openclaw agents rotate --all --request
`;

/** Adds `openclaw agents rotate`. */
export function addRotate(agents: Command, environment: Environment): void {
  const command = agents.command("rotate")
    .description("give agents a new secret, which is shown once, or have them get one themselves")
    .argument("[agent...]", "their names or ids")
    .addHelpText("after", example);
  addOptions(
    command,
    new Option("--overlap <time>", "how long the secret before stays good, 0 to 7d (default: 1h)").argParser(
      secondsBetween(0, 604_800),
    ),
    new Option("--leaked", "as --overlap 0: the secret before, and all sessions, end at once"),
    new Option("--request", "have the agents rotate by themselves"),
    ...handOverOptions(),
    ...selectionOptions(),
    yesOption(),
  );
  command.action((names, flags: Flags) => rotate(names, flags, environment));
}

async function rotate(names: string[], flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  assertFlags(flags);
  const context = await openContext(flags, environment);
  const selection = await selectAgents(names, flags, context);
  if (flags.request) {
    return await actOnEach(selection, {
      verb: "ask for a rotation of",
      done: "asked for a rotation of",
      perform: (agent) => actOnAgent(context.operator, agent.id, "request-rotation"),
    }, context);
  }
  const overlap = flags.leaked ? 0 : flags.overlap;
  if (overlap === 0 || !selection.isOne) {
    const ending = overlap === 0 ? ", and end the secret before and all sessions at once" : "";
    const what = `rotate the ${selection.isOne ? "secret" : "secrets"} of ${selection.words}${ending}`;
    await assertMeant(what, { ...context, yes: flags.yes === true });
  }
  const plan = await planHandOver(flags, context);
  const files = fileNames(selection.agents, plan);
  if (plan.by === "file") {
    await openInstallerFolder(plan.folder);
    await assertFree(plan.folder, [...files.values()]);
  }
  await rotateEach(selection, { plan, files, overlap, context });
}

function assertFlags({ overlap, leaked, request, installer, output }: Flags): void {
  const hint = "openclaw agents rotate --help";
  if (leaked && overlap !== undefined && overlap !== 0) {
    throw new CliError(
      "usage",
      "Cannot rotate: --leaked ends the secret before at once, --overlap keeps it",
      {
        hint,
      },
    );
  }
  if (request && [overlap, leaked, installer, output].some((one) => one !== undefined)) {
    throw new CliError("usage", "Cannot rotate: with --request the agent makes no secret known here", {
      hint,
    });
  }
}

/** Two agents of one name get a file each. */
function fileNames(agents: readonly Agent[], { shell }: HandOver): Map<string, string> {
  const count = Map.groupBy(agents, ({ name }) => name);
  return new Map(agents.map(({ id, name }) => {
    const isOnly = count.get(name)?.length === 1;
    return [id, installerFileName(isOnly ? name : `${name}-${id}`, shell)];
  }));
}

async function rotateEach(
  { agents, isOne }: Selection,
  { plan, files, overlap, context }: {
    plan: HandOver;
    files: ReadonlyMap<string, string>;
    overlap: number | undefined;
    context: Context;
  },
): Promise<void> {
  const { json, environment } = context;
  const rotated: Issued[] = [];
  try {
    using progress = new Progress(environment, { isQuiet: json || isOne });
    using stop = listenForStop({ isQuiet: json });
    for (const agent of agents) {
      if (stop.isOrdered) {
        throw new CliError("unexpected", "Cannot rotate the other secrets: the program was told to stop", {
          hint: "give the others' names or ids",
        });
      }
      rotated.push(await rotateOne(agent, { plan, file: files.get(agent.id) ?? "", overlap, context }));
      progress.show(`rotated ${rotated.length} of ${agents.length}`);
    }
  } catch (error) {
    if (!(error instanceof CliError) || rotated.length === 0) throw error;
    const left = agents.slice(rotated.length);
    if (!json) {
      say(
        `rotated ${countOf(rotated.length)}, not ${left.map(describe).slice(0, 10).join(", ")}${
          left.length > 10 ? ` and ${left.length - 10} more` : ""
        }`,
      );
      throw error;
    }
    // The secrets are in it, and are shown once.
    answerJson({ agents: rotated, not_rotated: left.map(({ id }) => id), ...failureJson(error) });
    throw new NegativeResult(error.failure);
  }
  const [first] = rotated;
  if (json) answerJson(isOne && first !== undefined ? first : { agents: rotated, not_rotated: [] });
  else sayHow(rotated, plan);
}

async function rotateOne(
  agent: Agent,
  { plan, file, overlap, context }: {
    plan: HandOver;
    file: string;
    overlap: number | undefined;
    context: Context;
  },
): Promise<Issued> {
  const outcome = await rotateSecret(context.operator, agent.id, {
    ...(overlap === undefined ? {} : { overlap_seconds: overlap }),
    ...(plan.by === "file" ? { installer: plan.shell } : {}),
  });
  if (outcome.kind === "outage" && outcome.code === undefined) {
    warn(`it is not known whether the secret of ${describe(agent)} was rotated: no reply came`);
  }
  const issued = unwrap(outcome, context.operator);
  try {
    return await handOver(issued, { plan, file, json: context.json });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const until = issued.agent.previous_secret_expires_at;
    const state = until === null
      ? "the one before is no longer good"
      : `the one before is good until ${until}`;
    throw new CliError(error.failure, `${error.message}; its new secret is lost, and ${state}`, {
      hint: `openclaw agents rotate ${agent.id}`,
      cause: error,
    });
  }
}

function sayHow(rotated: readonly Issued[], plan: HandOver): void {
  const [first] = rotated;
  if (first === undefined) return;
  const until = first.agent.previous_secret_expires_at;
  say(
    rotated.length === 1 && first.agent.revoked_at !== null
      ? `the agent is revoked: no secret lets it in until it is restored: ${
        asCalled(`openclaw agents restore ${first.agent.id}`)
      }`
      : until === null
      ? "the secret before, and all sessions, have ended: the agent is out until its host has the new one"
      : `the secret before is good until ${until}: bring the new one to the host by then`,
  );
  if (plan.by === "line") {
    say(
      "on a host with the program, this asks for the secret: " +
        `openclaw-agent configure --url ${plan.hostsUrl} --agent-id ${
          rotated.length === 1 ? first.agent.id : "<id>"
        }`,
    );
  }
}
