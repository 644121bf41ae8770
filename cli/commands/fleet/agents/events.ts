import { type Command, Option } from "@commander-js/extra-typings";
import process from "node:process";
import { type AgentEvent, listEvents } from "../../../api/operator/events.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { uuid } from "../../../identity/named_agent.ts";
import { CliError } from "../../../terminal/errors.ts";
import { answer, answerJson, say } from "../../../terminal/output.ts";
import { type Column, formatTable } from "../../../terminal/table.ts";
import type { OperatorFlags } from "../_options.ts";
import { everyPage } from "../_pages.ts";
import { numberBetween } from "../_values.ts";
import { addOptions, type Context, openContext } from "./_options.ts";
import { pickAgent } from "./_pick.ts";

type Flags = OperatorFlags & { kind?: string; limit?: number };

const example = `
An agent that was deleted is found by its id.

Examples:
  openclaw agents events
  openclaw agents events web-1 --kind revoked --limit 10
`;
const usualLimit = 50;
const pageSize = 200;

/** Adds `openclaw agents events`. */
export function addEvents(agents: Command, environment: Environment): void {
  const command = agents.command("events")
    .description("show what happened to one agent, or to all, the newest first")
    .argument("[agent]", "its name or id; without it, the whole fleet")
    .addHelpText("after", example);
  addOptions(
    command,
    new Option("--kind <kind>", "only events of this kind, such as revoked"),
    new Option("--limit <number>", `how many at most, 1 to 100000 (default: ${usualLimit})`).argParser(
      numberBetween(1, 100_000),
    ),
  );
  command.action((name, flags: Flags) => tell(name, flags, environment));
}

async function tell(name: string | undefined, flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  const context = await openContext(flags, environment);
  const agentId = name === undefined ? undefined : await idOf(name, context);
  const { events, isAll } = await newest(
    { agentId, kind: flags.kind, limit: flags.limit ?? usualLimit },
    context,
  );
  if (context.json) return answerJson({ events });
  if (events.length === 0) return say("there is no such event");
  const shown = agentId === undefined ? columns : columns.filter(({ title }) => title !== "AGENT");
  const width = process.stdout.isTTY ? process.stdout.columns : null;
  for (const line of formatTable(events, shown, width)) answer(line);
  if (!isAll) say(`these are the newest ${events.length}: --limit shows more`);
}

/** An agent that was deleted has no name to be found by, but its id. */
async function idOf(name: string, context: Context): Promise<string> {
  if (uuid.test(name)) return name.toLowerCase();
  try {
    return (await pickAgent(name, context)).id;
  } catch (error) {
    if (!(error instanceof CliError) || error.failure !== "notFound") throw error;
    throw new CliError("notFound", error.message, {
      hint: "openclaw agents events --kind deleted, whose ids find the events of deleted agents",
    });
  }
}

async function newest(
  { limit, ...filter }: { agentId: string | undefined; kind: string | undefined; limit: number },
  { operator }: Context,
): Promise<{ events: AgentEvent[]; isAll: boolean }> {
  const events: AgentEvent[] = [];
  const get = (cursor: string | undefined) =>
    listEvents(operator, { ...filter, cursor, limit: Math.min(pageSize, limit - events.length) });
  for await (const page of everyPage(operator, get)) {
    events.push(...page.events.slice(0, limit - events.length));
    if (events.length >= limit) return { events, isAll: page.next_cursor === null };
  }
  return { events, isAll: true };
}

const columns: readonly Column<AgentEvent>[] = [
  { title: "AT", text: ({ at }) => at.replace(/\.\d+/, "") },
  { title: "AGENT", text: ({ agent_name, agent_id }) => agent_name ?? agent_id ?? "", least: 12 },
  { title: "EVENT", text: ({ kind }) => kind },
  { title: "BY", text: ({ actor }) => actor ?? "", least: 8, dropped: 1 },
  { title: "FROM", text: ({ address }) => address ?? "", least: 7, dropped: 2 },
  { title: "DETAIL", text: detailOf, least: 6, dropped: 3 },
];

function detailOf({ kind, detail }: AgentEvent): string {
  if (detail === null) return "";
  if (kind === "muted" && detail.until === null) return "no longer";
  return Object.entries(detail).map(([name, value]) =>
    `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join(", ");
}
