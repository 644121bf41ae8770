import type { AgentsPage, AgentsQuery } from "../../api/operator/agents.ts";
import type { Operator } from "../../operator/operator.ts";
import { CliError, EndsWith, NegativeResult } from "../../terminal/errors.ts";
import { answer, answerJson } from "../../terminal/output.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { formatTable } from "../../terminal/table.ts";
import {
  type CheckWord,
  countFound,
  findIn,
  type Found,
  type NagiosResult,
  nagiosResult,
  nagiosUnknown,
} from "./_check.ts";
import { pagesOf, timeOf, unseen } from "./_fleet_pages.ts";
import { fleetColumns } from "./_fleet_table.ts";
import { totalOf } from "../../fleet/sentence.ts";
import { isUnhealthy } from "../../fleet/state.ts";

interface Check {
  query: AgentsQuery;
  words: readonly CheckWord[];
}

/** Answers by the exit code, and shows those that count. @throws {NegativeResult} when there are any */
export async function checkFleet(operator: Operator, check: Check & { json: boolean }): Promise<void> {
  const { words, json } = check;
  const { found, counts, now } = await lookFor(operator, check);
  const agents = found.map(({ agent }) => agent);
  const total = totalOf({ counts });
  if (json) answerJson({ ok: found.length === 0, checked: words, counts, agents });
  else if (found.length === 0) answer(`none of ${total} is ${words.join(" or ")}`);
  else {
    answer(`${countFound(found, words)} of ${total}`);
    const columns = terminalSize()?.columns ?? null;
    for (const line of formatTable(agents, fleetColumns(now), columns)) answer(line);
  }
  if (found.length > 0) throw new NegativeResult("unexpected");
}

/**
 * The same as a plugin of Nagios: one line, and its exit codes. Whatever goes wrong is UNKNOWN.
 *
 * @throws {EndsWith} for every exit code but 0
 */
export async function checkForNagios(open: () => Promise<Operator>, check: Check): Promise<void> {
  const { code, line } = await nagiosOutcome(open, check);
  answer(line);
  if (code !== 0) throw new EndsWith(code);
}

async function nagiosOutcome(open: () => Promise<Operator>, check: Check): Promise<NagiosResult> {
  try {
    const { found, counts } = await lookFor(await open(), check);
    return nagiosResult(found, check.words, counts);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return nagiosUnknown(error instanceof CliError ? error.message : `${error.name}: ${error.message}`);
  }
}

interface Looked {
  found: Found;
  counts: Record<string, number>;
  now: number;
}

/** The agents of these words, the worst word first, each once. */
async function lookFor(operator: Operator, { query, words }: Check): Promise<Looked> {
  const looked: Looked = { found: [], counts: {}, now: Date.now() };
  const seen = new Set<string>();
  const take = (page: AgentsPage): void => {
    looked.counts = page.counts;
    looked.now = timeOf(page);
    looked.found.push(...findIn(unseen(page.agents, seen), words, looked.now));
  };
  const liveness = words.filter((word) => word !== "unhealthy");
  // In the order in which they were made, so that none is passed over while others change.
  const byWord = { ...query, liveness, sort: "created_at" };
  if (liveness.length > 0) { for await (const page of pagesOf(operator, byWord)) take(page); }
  if (words.includes("unhealthy")) { for await (const page of unhealthyPages(operator, query)) take(page); }
  looked.found.sort((one, other) => words.indexOf(one.word) - words.indexOf(other.word));
  assertSome(query, looked);
  return looked;
}

/** A label or a name that was mistyped would be well for ever. @throws {CliError} `notFound` */
function assertSome({ labels = [], search }: AgentsQuery, { counts }: Looked): void {
  const wanted = [
    ...labels.map((label) => `the label ${label}`),
    ...(search === undefined ? [] : [`"${search}" in its name or hostname`]),
  ];
  if (wanted.length === 0 || totalOf({ counts }) > 0) return;
  throw new CliError("notFound", `Cannot check any agent: none has ${wanted.join(" and ")}`, {
    hint: "openclaw fleet",
  });
}

/** No word of liveness: but the worst come first, so the first page with one that is well is the last. */
async function* unhealthyPages(operator: Operator, query: AgentsQuery): AsyncGenerator<AgentsPage> {
  const asked = { ...query, liveness: ["online", "late"], sort: "trouble" };
  for await (const page of pagesOf(operator, asked)) {
    yield page;
    if (!page.agents.every(isUnhealthy)) return;
  }
}
