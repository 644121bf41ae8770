import { type Agent, getAgent, listAgents } from "../../../api/operator/agents.ts";
import { uuid } from "../../../identity/named_agent.ts";
import { CliError } from "../../../terminal/errors.ts";
import { printable } from "../../../terminal/printable.ts";
import { choose, mayAsk } from "../../../terminal/prompt.ts";
import { unwrap } from "../_outcome.ts";
import { everyPage } from "../_pages.ts";
import type { Context, SelectionFlags } from "./_options.ts";

/** The agents that a command is about. */
export interface Selection {
  agents: Agent[];
  /** One that was named: its answer is that agent, and its failure is the command's. */
  isOne: boolean;
  /** How a question calls them. */
  words: string;
}

const pageSize = 200;
/** How many of the agents that share a name an error lists. */
const mostListed = 20;

/**
 * The agents that are named, have the labels, or are there at all. They are listed in the order of their creation: no
 * agent that was there throughout comes twice or not at all, whatever becomes of it meanwhile.
 *
 * @param liveness only those that are so, where they are not named
 * @throws {CliError} `usage` for none and for both kinds of selection, `notFound`, `conflict` for a name of several
 */
export async function selectAgents(
  names: readonly string[],
  flags: SelectionFlags,
  context: Context & { liveness?: readonly string[] },
): Promise<Selection> {
  const { label, all } = flags;
  const given = [names.length > 0, label !== undefined, all === true].filter(Boolean).length;
  if (given !== 1) {
    const what = given === 0 ? "no agent is named" : "names, --label and --all exclude each other";
    throw new CliError("usage", `Cannot tell which agents are meant: ${what}`, {
      hint: "give names or ids, or --label key:value, or --all",
    });
  }
  if (names.length > 0) {
    const agents = await pickEach(names, context);
    const [first] = agents;
    const isOne = agents.length === 1 && first !== undefined;
    return { agents, isOne, words: isOne ? describe(first) : `${agents.length} agents` };
  }
  const agents = await listAll({ labels: label, liveness: context.liveness }, context);
  const which = label === undefined ? "" : ` with the label ${label.join(" and ")}`;
  if (agents.length > 0) return { agents, isOne: false, words: `${countOf(agents.length)}${which}` };
  const state = context.liveness === undefined ? "" : ` that is ${context.liveness.join(" or ")}`;
  throw new CliError("notFound", `Cannot find an agent${state}${which}: there is none`, {
    hint: "openclaw fleet",
  });
}

/** The agent that is called so, or has this id. */
export async function pickAgent(name: string, context: Context): Promise<Agent> {
  if (uuid.test(name)) {
    return unwrap(await getAgent(context.operator, name.toLowerCase()), context.operator);
  }
  const found = await agentsCalled(name, context);
  const [first, ...more] = found;
  if (first === undefined) {
    throw new CliError("notFound", `Cannot find the agent "${printable(name)}": no agent has this name`, {
      hint: "openclaw fleet",
    });
  }
  return more.length === 0 ? first : await chooseOne(name, { found, context });
}

/** Every agent that is called exactly so, the oldest first. */
export async function agentsCalled(name: string, { operator }: Context): Promise<Agent[]> {
  const found: Agent[] = [];
  // The service looks for a part of the name, and of the hostname too.
  const search = [...name].slice(0, 255).join("");
  if (search === "") return [];
  const get = (cursor: string | undefined) =>
    listAgents(operator, { search, sort: "created_at", limit: pageSize, cursor });
  for await (const { agents } of everyPage(operator, get)) {
    found.push(...agents.filter((agent) => agent.name === name));
  }
  return found;
}

/** An agent as a question or an error calls it. */
export function describe({ name, id }: Agent): string {
  return `"${name}" (${id})`;
}

export function countOf(agents: number): string {
  return agents === 1 ? "1 agent" : `${agents} agents`;
}

async function pickEach(names: readonly string[], context: Context): Promise<Agent[]> {
  const agents = new Map<string, Agent>();
  for (const name of names) {
    const agent = await pickAgent(name, context);
    agents.set(agent.id, agent);
  }
  return [...agents.values()];
}

async function listAll(
  filter: { labels?: readonly string[] | undefined; liveness?: readonly string[] | undefined },
  { operator }: Context,
): Promise<Agent[]> {
  const agents = new Map<string, Agent>();
  const get = (cursor: string | undefined) =>
    listAgents(operator, { ...filter, sort: "created_at", limit: pageSize, cursor });
  for await (const page of everyPage(operator, get)) {
    for (const agent of page.agents) agents.set(agent.id, agent);
  }
  return [...agents.values()];
}

async function chooseOne(
  name: string,
  { found, context }: { found: readonly Agent[]; context: Context },
): Promise<Agent> {
  if (context.json || !mayAsk(context.environment)) throw notUnique(name, found);
  const id = await choose(`Which "${printable(name)}"?`, found.map(lineOf), context.environment);
  const chosen = found.find((agent) => agent.id === id);
  if (chosen !== undefined) return chosen;
  throw new CliError("usage", `Cannot tell which "${printable(name)}" is meant: none was chosen`, {
    hint: "give its id",
  });
}

function lineOf({ id, liveness, hostname, created_at }: Agent): { value: string; label: string } {
  return { value: id, label: `${id}  ${liveness}, ${hostname ?? "no host yet"}, created ${created_at}` };
}

function notUnique(name: string, found: readonly Agent[]): CliError {
  const ids = found.slice(0, mostListed).map(({ id }) => id).join(", ");
  const more = found.length > mostListed ? ` and ${found.length - mostListed} more` : "";
  return new CliError(
    "conflict",
    `Cannot tell which agent "${printable(name)}" is meant: ${found.length} have this name: ${ids}${more}`,
    { hint: "give the id in place of the name" },
  );
}
