import type { Command } from "@commander-js/extra-typings";
import { type Act, actOnAgent, deleteAgent } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { say } from "../../../terminal/output.ts";
import { assertMeant } from "../_ask.ts";
import type { OperatorFlags } from "../_options.ts";
import { actOnEach } from "./_many.ts";
import {
  addOptions,
  openContext,
  type SelectionFlags,
  selectionOptions,
  type YesFlag,
  yesOption,
} from "./_options.ts";
import { describe, selectAgents } from "./_pick.ts";

type Flags = OperatorFlags & SelectionFlags & YesFlag;

interface SimpleAct {
  act: Act | "delete";
  description: string;
  done: string;
  help: string;
  /** When a question is put: for several agents, or also for one. */
  asks: "for several" | "always" | "never";
  /** Which agents it is about, where they are not named. */
  liveness?: readonly string[];
  after?: string;
}

const hastening =
  "a restored agent is pending until its next beat. It asks again by itself, within 72 minutes; " +
  "to hasten it, restart it on its host: sudo systemctl restart openclaw-agent";

const acts: readonly SimpleAct[] = [
  {
    act: "revoke",
    description: "refuse agents from now on: their sessions end with their next beat",
    done: "revoked",
    help: "An agent that was revoked can be restored.\n\nExamples:\n  openclaw agents revoke web-1\n  " +
      "openclaw agents revoke --label role:web --yes",
    asks: "for several",
  },
  {
    act: "restore",
    description: "let revoked agents in again, with the secret that they have",
    done: "restored",
    help: "The agent itself asks again, within 72 minutes; a restart of it asks at once.\n\nExamples:\n  " +
      "openclaw agents restore web-1\n  openclaw agents restore --all",
    asks: "never",
    liveness: ["revoked"],
    after: hastening,
  },
  {
    act: "end-sessions",
    description: "end the sessions of agents: each shakes hands again with its secret",
    done: "ended the sessions of",
    help: "\nExamples:\n  openclaw agents end-sessions web-1\n  openclaw agents end-sessions --all --yes",
    asks: "for several",
  },
  {
    act: "delete",
    description: "remove agents for good; their events stay",
    done: "deleted",
    help: "A deleted agent cannot be restored.\n\nExamples:\n  openclaw agents delete web-1\n  " +
      "openclaw agents delete --label role:test --yes",
    asks: "always",
  },
];

/** Adds `openclaw agents revoke`, `restore`, `end-sessions` and `delete`. */
export function addActs(agents: Command, environment: Environment): void {
  for (const one of acts) {
    const command = agents.command(one.act)
      .description(one.description)
      .argument("[agent...]", "their names or ids")
      .addHelpText("after", `\n${one.help.trimStart()}\n`);
    addOptions(command, ...selectionOptions(), ...(one.asks === "never" ? [] : [yesOption()]));
    command.action((names, flags: Flags) => perform(one, { names, flags, environment }));
  }
}

async function perform(
  { act, done, asks, liveness, after }: SimpleAct,
  { names, flags, environment }: { names: string[]; flags: Flags; environment: Environment },
): Promise<void> {
  await giveUp("agents");
  const context = await openContext(flags, environment);
  const selection = await selectAgents(names, flags, {
    ...context,
    ...(liveness === undefined ? {} : { liveness }),
  });
  if (asks === "always" || (asks === "for several" && !selection.isOne)) {
    await assertMeant(`${verbs[act]} ${selection.words}`, { ...context, yes: flags.yes === true });
  }
  const { operator } = context;
  const idle = act === "restore" ? selection.agents.filter(({ revoked_at }) => revoked_at === null) : [];
  if (!context.json) { for (const agent of idle) say(`${describe(agent)} is not revoked: nothing changes`); }
  const agents = context.json ? selection.agents : selection.agents.filter((agent) => !idle.includes(agent));
  if (agents.length === 0) return;
  await actOnEach({ ...selection, agents }, {
    verb: verbs[act],
    done,
    perform: (agent) =>
      act === "delete" ? deleteAgent(operator, agent.id, agent.name) : actOnAgent(operator, agent.id, act),
  }, context);
  if (after !== undefined && !context.json) say(after);
}

const verbs: Record<SimpleAct["act"], string> = {
  "revoke": "revoke",
  "restore": "restore",
  "end-sessions": "end the sessions of",
  "request-rotation": "ask for a rotation of",
  "delete": "delete",
};
