import { type Command, Option } from "@commander-js/extra-typings";
import {
  acknowledgeIncident,
  getIncident,
  type Incident,
  listIncidents,
} from "../../api/operator/incidents.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { uuid } from "../../identity/named_agent.ts";
import type { Operator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { answer, answerJson, say } from "../../terminal/output.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { formatTable } from "../../terminal/table.ts";
import { addOptions, type Context, openContext } from "./agents/_options.ts";
import type { OperatorFlags } from "./_options.ts";
import { deliveryColumns, incidentColumns, incidentLines } from "./_incident_table.ts";
import { unwrap } from "./_outcome.ts";

type ListFlags = OperatorFlags & { state?: "open" | "closed" | "all"; limit?: never };

const mostRows = 50;
const fewestDigits = 4;
const example = `
An incident is what is wrong with agents of one owner at one time: many that are cut off at once are one incident.
An id may be given by its first ${fewestDigits} characters or more.

Examples:
  openclaw incidents list
  openclaw incidents show 0b9c5f1e
  openclaw incidents acknowledge 0b9c5f1e
`;

/** Adds `openclaw incidents`: what is wrong now, and what was. */
export function addIncidents(program: Command, environment: Environment): void {
  const incidents = program.command("incidents")
    .description("show what is wrong with agents, and say that you know of it").addHelpText("after", example);
  addList(incidents, environment);
  addShow(incidents, environment);
  addAcknowledge(incidents, environment);
}

function addList(incidents: Command, environment: Environment): void {
  const command = incidents.command("list", { isDefault: true })
    .description("list the open incidents, the last opened first")
    .addHelpText("after", "\nExample:\n  openclaw incidents list --state all\n");
  addOptions(
    command,
    new Option("--state <state>", "open, closed or all: the last 50 of them").choices([
      "open",
      "closed",
      "all",
    ])
      .default("open"),
  );
  // What is no command of the group comes here, too.
  command.allowExcessArguments().action((flags, { args: [word] }) =>
    word === undefined
      ? list(flags as ListFlags, environment)
      : incidents.error(`error: unknown command '${word}'`)
  );
}

async function list({ state = "open", ...flags }: ListFlags, environment: Environment): Promise<void> {
  await giveUp("incidents");
  const { operator, json } = await openContext(flags, environment);
  const page = unwrap(
    await listIncidents(operator, { state: state === "all" ? undefined : state, limit: mostRows }),
    operator,
  );
  if (json) return answerJson({ incidents: page.incidents, server_time: page.server_time });
  if (page.incidents.length === 0) return say(`there is no ${state === "all" ? "" : `${state} `}incident`);
  const now = Date.parse(page.server_time);
  for (const line of formatTable(page.incidents, incidentColumns(now), terminalSize()?.columns ?? null)) {
    answer(line);
  }
  if (page.next_cursor !== null) say(`these are the last ${mostRows}; --json and GET /incidents have all`);
}

function addShow(incidents: Command, environment: Environment): void {
  const command = incidents.command("show")
    .description("show one incident: its agents, and who was told of it, with what the receiver said")
    .argument("<id>", `its id, or the first ${fewestDigits} characters of it or more`)
    .addHelpText("after", "\nExample:\n  openclaw incidents show 0b9c5f1e\n");
  addOptions(command);
  command.action((id, flags: OperatorFlags) => show(id, flags, environment));
}

async function show(given: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("incidents");
  const { incident, context } = await find(given, flags, environment);
  if (context.json) return answerJson(incident);
  for (const line of incidentLines(incident)) answer(line);
  if (incident.deliveries.length === 0) return say("nobody was told of it");
  answer("");
  for (const line of formatTable(incident.deliveries, deliveryColumns, terminalSize()?.columns ?? null)) {
    answer(line);
  }
}

function addAcknowledge(incidents: Command, environment: Environment): void {
  const command = incidents.command("acknowledge")
    .description("say that you know of it: its reminders end")
    .argument("<id>", `its id, or the first ${fewestDigits} characters of it or more`)
    .addHelpText("after", "\nExample:\n  openclaw incidents acknowledge 0b9c5f1e\n");
  addOptions(command);
  command.action((id, flags: OperatorFlags) => acknowledge(id, flags, environment));
}

async function acknowledge(given: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("incidents");
  const { incident, context } = await find(given, flags, environment);
  const { operator, json } = context;
  const after = unwrap(await acknowledgeIncident(operator, incident.id), operator);
  if (json) answerJson(after);
  else say(`acknowledged the incident ${after.id}: there are no more reminders of it`);
}

/** The incident of an id, or of the beginning of one, among the last 200. */
async function find(
  given: string,
  flags: OperatorFlags,
  environment: Environment,
): Promise<{ incident: Incident; context: Context }> {
  const id = given.toLowerCase();
  if (!/^[0-9a-f][0-9a-f-]*$/.test(id) || id.length < fewestDigits || id.length > 36) {
    throw new CliError("usage", "Cannot find the incident: its id is expected, or the beginning of it", {
      hint: "openclaw incidents list --state all",
    });
  }
  const context = await openContext(flags, environment);
  const { operator } = context;
  if (uuid.test(id)) return { incident: unwrap(await getIncident(operator, id), operator), context };
  return { incident: await pick(operator, id), context };
}

async function pick(operator: Operator, beginning: string): Promise<Incident> {
  const { incidents } = unwrap(await listIncidents(operator, { limit: 200 }), operator);
  const fitting = incidents.filter(({ id }) => id.startsWith(beginning));
  const [incident, ...more] = fitting;
  const hint = "openclaw incidents list --state all";
  if (incident === undefined) {
    throw new CliError("notFound", "Cannot find the incident: none of the last 200 has this id", { hint });
  }
  if (more.length === 0) return incident;
  throw new CliError("conflict", `Cannot tell which incident is meant: ${fitting.length} begin like this`, {
    hint,
  });
}
