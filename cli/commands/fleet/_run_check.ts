import type { AgentsQuery } from "../../api/operator.ts";
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
  livenessFor,
  type NagiosResult,
  nagiosResult,
  nagiosUnknown,
} from "./_check.ts";
import { pagesOf, timeOf } from "./_fleet_pages.ts";
import { fleetColumns } from "./_fleet_table.ts";

interface Check {
  query: AgentsQuery;
  words: readonly CheckWord[];
}

/** Answers by the exit code, and shows those that count. @throws {NegativeResult} when there are any */
export async function checkFleet(operator: Operator, check: Check & { json: boolean }): Promise<void> {
  const { words, json } = check;
  const { found, counts, now } = await lookFor(operator, check);
  const agents = found.map(({ agent }) => agent);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
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

/** Every agent of these words, in the order in which they were made: so none is passed over while others change. */
async function lookFor(
  operator: Operator,
  { query, words }: Check,
): Promise<{ found: Found; counts: Record<string, number>; now: number }> {
  const asked = { ...query, liveness: livenessFor(words), sort: "created_at" };
  const found: Found = [];
  let counts: Record<string, number> = {};
  let now = Date.now();
  for await (const page of pagesOf(operator, asked)) {
    counts = page.counts;
    now = timeOf(page);
    found.push(...findIn(page.agents, words, now));
  }
  found.sort((one, other) => words.indexOf(one.word) - words.indexOf(other.word));
  return { found, counts, now };
}
