import type { Command } from "@commander-js/extra-typings";
import { actOnCopy, type Agent } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { CliError } from "../../../terminal/errors.ts";
import { answerJson, say } from "../../../terminal/output.ts";
import { choose, mayAsk } from "../../../terminal/prompt.ts";
import { assertMeant } from "../_ask.ts";
import type { OperatorFlags } from "../_options.ts";
import { unwrap } from "../_outcome.ts";
import { addOptions, type Context, openContext, type YesFlag, yesOption } from "./_options.ts";
import { describe, pickAgent } from "./_pick.ts";

type Copy = Agent["copies"][number];

const acts = {
  "adopt": {
    description: "give a copy of an agent an identity of its own",
    help:
      "The copy becomes an agent of its own; then the original is asked to rotate its secret, which both knew.",
    question: "adopt it as an agent of its own",
    done: "the copy gets an identity of its own at its next beat; this holds for a day",
  },
  "revoke-copy": {
    description: "shut a copy of an agent out, and leave the original in",
    help: "The original is asked to rotate its secret: until it has, a copy that restarts gets in again.",
    question: "shut it out",
    done: "the copy is shut out, and the original is asked to rotate its secret",
  },
} as const;

/** Adds `openclaw agents adopt` and `revoke-copy`. */
export function addCopies(agents: Command, environment: Environment): void {
  for (const act of ["adopt", "revoke-copy"] as const) {
    const { description, help } = acts[act];
    const command = agents.command(act)
      .description(description)
      .argument("<agent>", "its name or id")
      .argument("[instance]", "the copy's instance id, where there are several")
      .addHelpText("after", `\n${help}\n\nExample:\n  openclaw agents ${act} web-1\n`);
    addOptions(command, yesOption());
    command.action((name, instance, flags: OperatorFlags & YesFlag) =>
      settle(act, { name, instance, flags, environment })
    );
  }
}

async function settle(
  act: keyof typeof acts,
  { name, instance, flags, environment }: {
    name: string;
    instance: string | undefined;
    flags: OperatorFlags & YesFlag;
    environment: Environment;
  },
): Promise<void> {
  await giveUp("agents");
  const context = await openContext(flags, environment);
  const agent = await pickAgent(name, context);
  const copy = await pickCopy(agent, instance, context);
  if (!context.json) {
    say(
      `a copy of ${describe(agent)} beats from ${placeOf(copy)}, last seen ${copy.last_seen_at ?? "never"}`,
    );
    say("a thief of its secret looks the same: be sure that this host is yours");
  }
  const what = `${acts[act].question}: the copy on ${placeOf(copy)}`;
  await assertMeant(what, { ...context, yes: flags.yes === true });
  const { operator } = context;
  const after = unwrap(await actOnCopy(operator, agent.id, { act, instanceId: copy.instance_id }), operator);
  if (context.json) answerJson(after);
  else say(acts[act].done);
}

async function pickCopy(agent: Agent, instance: string | undefined, context: Context): Promise<Copy> {
  const { copies } = agent;
  const named = instance === undefined
    ? copies
    : copies.filter(({ instance_id }) => instance_id === instance.toLowerCase());
  const [first, ...more] = named;
  if (first === undefined) {
    throw new CliError("notFound", `Cannot find a copy of ${describe(agent)}: ${noneOf(copies)}`, {
      hint: `openclaw agents show ${agent.id}`,
    });
  }
  if (more.length === 0) return first;
  const ids = named.map(({ instance_id }) => instance_id);
  if (context.json || !mayAsk(context.environment)) {
    throw new CliError(
      "conflict",
      `Cannot tell which copy of ${describe(agent)} is meant: there are ${ids.join(", ")}`,
      { hint: "give the instance behind the agent" },
    );
  }
  const lines = named.map((copy) => ({
    value: copy.instance_id,
    label: `${copy.instance_id}  ${placeOf(copy)}`,
  }));
  const chosen = await choose("Which copy?", lines, context.environment);
  const copy = named.find(({ instance_id }) => instance_id === chosen);
  if (copy !== undefined) return copy;
  throw new CliError("usage", `Cannot tell which copy of ${describe(agent)} is meant: none was chosen`, {
    hint: "give the instance behind the agent",
  });
}

function noneOf(copies: readonly Copy[]): string {
  return copies.length === 0
    ? "none was seen in the last day"
    : `there are ${copies.map(({ instance_id }) => instance_id).join(", ")}`;
}

function placeOf({ hostname, address }: Copy): string {
  return `${hostname === null ? "an unnamed host" : `"${hostname}"`}, at ${address ?? "an unknown address"}`;
}
