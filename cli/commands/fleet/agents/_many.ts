import type { Agent } from "../../../api/operator/agents.ts";
import type { Outcome } from "../../../api/transport.ts";
import { CliError, exitCodes, type Failure, NegativeResult } from "../../../terminal/errors.ts";
import { answerJson, say } from "../../../terminal/output.ts";
import { Progress } from "../../../terminal/progress.ts";
import { unwrap } from "../_outcome.ts";
import { listenForStop } from "../_stop.ts";
import type { Context } from "./_options.ts";
import { countOf, describe, type Selection } from "./_pick.ts";

/** An act on one agent, and the words for it: "revoke", "revoked". */
export interface AgentAct {
  verb: string;
  done: string;
  perform: (agent: Agent) => Promise<Outcome<Agent>>;
}

/** What acting on many came to. */
interface Tally {
  agents: Agent[];
  failed: { agent: Agent; error: CliError }[];
  untried: number;
  wasStopped: boolean;
}

/** How many requests are under way at once: revoking a thousand agents must not wait for a thousand replies in turn. */
const atOnce = 8;

/**
 * Performs the act on each agent, says what it came to, and answers with the agents after it. For one that was named, its
 * failure is the command's. For several, each failure is told and counted; when the server can no longer be reached, or
 * takes the credential no longer, the others are not tried.
 *
 * @throws {CliError | NegativeResult} where not everything was done
 */
export async function actOnEach(selection: Selection, act: AgentAct, context: Context): Promise<void> {
  const [first] = selection.agents;
  if (selection.isOne && first !== undefined) {
    const agent = unwrap(await act.perform(first), context.operator);
    if (context.json) answerJson(agent);
    else say(`${act.done} ${describe(agent)}`);
    return;
  }
  report(await performAll(selection.agents, act, context), act, context);
}

async function performAll(agents: readonly Agent[], act: AgentAct, context: Context): Promise<Tally> {
  const tally: Tally = { agents: [], failed: [], untried: 0, wasStopped: false };
  using progress = new Progress(context.environment, { isQuiet: context.json });
  using stop = listenForStop({ isQuiet: context.json });
  let next = 0;
  let isOver = false;
  const work = async (): Promise<void> => {
    for (let agent = agents[next]; agent !== undefined && !isOver && !stop.isOrdered; agent = agents[next]) {
      next += 1;
      const error = await tryOne(agent, { act, tally, context });
      isOver ||= error !== null && endsAll(error.failure);
      if (error !== null && !context.json) {
        progress.clear();
        say(`cannot ${act.verb} ${describe(agent)}: ${error.message}`);
      }
      progress.show(`${act.done} ${tally.agents.length} of ${agents.length}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  tally.untried = agents.length - tally.agents.length - tally.failed.length;
  tally.wasStopped = stop.isOrdered;
  return tally;
}

async function tryOne(
  agent: Agent,
  { act, tally, context }: { act: AgentAct; tally: Tally; context: Context },
): Promise<CliError | null> {
  try {
    tally.agents.push(unwrap(await act.perform(agent), context.operator));
    return null;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    tally.failed.push({ agent, error });
    return error;
  }
}

/** Whether what failed for one agent would fail for every other. */
function endsAll(failure: Failure): boolean {
  return failure === "unreachable" || failure === "refused";
}

function report({ agents, failed, untried, wasStopped }: Tally, act: AgentAct, { json }: Context): void {
  if (json) {
    answerJson({
      agents,
      failed: failed.map(({ agent, error }) => ({ id: agent.id, name: agent.name, ...failureJson(error) })),
      not_tried: untried,
    });
  } else {
    const rest = [
      failed.length === 0 ? null : `${failed.length} failed`,
      untried === 0 ? null : `${untried} not tried`,
    ].filter((part) => part !== null);
    say([`${act.done} ${countOf(agents.length)}`, ...rest].join(", "));
    if (wasStopped && untried > 0) say("stopped, as the program was told to");
  }
  const failure = commonFailure(failed.map(({ error }) => error.failure));
  if (failure !== null) throw new NegativeResult(failure);
  if (untried > 0) throw new NegativeResult("unexpected");
}

/** A failure as an object says it. */
export function failureJson({ failure, message, hint }: CliError): Record<string, unknown> {
  return { error: failure, message, exit_code: exitCodes[failure], ...(hint === undefined ? {} : { hint }) };
}

/** The failure that all of them share; `unexpected` where they differ, null where nothing failed. */
function commonFailure(failures: readonly Failure[]): Failure | null {
  const [first, ...others] = failures;
  if (first === undefined) return null;
  return others.every((one) => one === first) ? first : "unexpected";
}
