import { type Command, Option } from "@commander-js/extra-typings";
import process from "node:process";
import {
  createEnrollment,
  type EnrollingHost,
  type Enrollment,
  getEnrollment,
  listEnrollments,
  revokeEnrollment,
} from "../../api/operator/enrollments.ts";
import { formatDuration } from "../../host/duration.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { uuid } from "../../identity/named_agent.ts";
import { secretFault } from "../../identity/secret.ts";
import { enrollmentLines } from "../../operator/paste.ts";
import { CliError } from "../../terminal/errors.ts";
import { answer, answerJson, say } from "../../terminal/output.ts";
import { printable } from "../../terminal/printable.ts";
import { type Column, formatTable } from "../../terminal/table.ts";
import { urlForHosts } from "./agents/_issue.ts";
import {
  addOptions,
  type BeatFlags,
  beatOptions,
  labelsOption,
  openContext,
  type YesFlag,
  yesOption,
} from "./agents/_options.ts";
import { assertMeant } from "./_ask.ts";
import type { OperatorFlags } from "./_options.ts";
import { unwrap } from "./_outcome.ts";
import { everyPage } from "./_pages.ts";
import { nameFault, numberBetween, secondsBetween } from "./_values.ts";

type CreateFlags = OperatorFlags & BeatFlags & {
  uses?: number;
  expiresIn?: number;
  agentName?: string;
  label?: Record<string, string>;
};

const example = `
A code makes as many agents as it has uses, and is then good for nothing. It may stand in a command line, which an
agent's secret may not: make it good for few hosts and a short time.

Examples:
  openclaw enrollments create --uses 40 --expires-in 2h --label role:web
  openclaw enrollments list
`;

/** Adds `openclaw enrollments`: codes by which hosts get agents of their own. */
export function addEnrollments(program: Command, environment: Environment): void {
  const enrollments = program.command("enrollments")
    .description("make the codes by which hosts enroll themselves, and see how far they came")
    .addHelpText("after", example);
  addCreate(enrollments, environment);
  addList(enrollments, environment);
  addShow(enrollments, environment);
  addRevoke(enrollments, environment);
}

function addCreate(enrollments: Command, environment: Environment): void {
  const command = enrollments.command("create")
    .description("make a code, which is shown once, and the line that enrolls a host with it")
    .addHelpText("after", example.replace(/\n[^\n]* list\n/, "\n"));
  addOptions(
    command,
    new Option("--uses <number>", "how many hosts it is good for, 1 to 10000 (default: 1)").argParser(
      numberBetween(1, 10_000),
    ),
    new Option("--expires-in <time>", "how long it is good, 60s to 30d (default: 1h)").argParser(
      secondsBetween(60, 2_592_000),
    ),
    new Option(
      "--agent-name <name>",
      "what the agents are called; {hostname} in it is the host's (default: {hostname})",
    ),
    labelsOption("a label of the agents; repeated for more"),
    ...beatOptions(),
  );
  command.action((flags: CreateFlags) => create(flags, environment));
}

async function create(flags: CreateFlags, environment: Environment): Promise<void> {
  await giveUp("enrollments");
  const { uses, expiresIn, agentName, label, interval, progressDeadline } = flags;
  const fault = agentName === undefined ? null : nameFault(agentName);
  if (fault !== null) {
    throw new CliError("usage", `Cannot call agents so: ${fault}`, { hint: "--agent-name 'web {hostname}'" });
  }
  const { operator, json } = await openContext(flags, environment);
  const { enrollment, code } = unwrap(
    await createEnrollment(operator, {
      ...(uses === undefined ? {} : { uses }),
      ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
      ...(agentName === undefined ? {} : { name: agentName }),
      ...(label === undefined ? {} : { labels: label }),
      ...(interval === undefined ? {} : { heartbeat_interval_seconds: interval }),
      ...(progressDeadline === undefined ? {} : { progress_deadline_seconds: progressDeadline }),
    }),
    operator,
  );
  // It is about to stand in lines that somebody pastes into a shell.
  if (secretFault(code, "oce_") !== null) {
    throw new CliError("unexpected", "Cannot use the code that the server sent: it is not well-formed", {
      hint: `openclaw enrollments revoke ${enrollment.id}`,
    });
  }
  if (json) return answerJson({ enrollment, code });
  answer(code);
  const url = await urlForHosts(operator);
  for (const { host, line } of enrollmentLines({ url, code })) answer(`\n# ${host}\n${line}`);
  say(`\ngood for ${hostsOf(enrollment.uses)} until ${enrollment.expires_at}; its id is ${enrollment.id}`);
}

function addList(enrollments: Command, environment: Environment): void {
  const command = enrollments.command("list")
    .description("list the codes' enrollments, never the codes")
    .addHelpText("after", "\nExample:\n  openclaw enrollments list\n");
  addOptions(command);
  command.action((flags: OperatorFlags) => list(flags, environment));
}

async function list(flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("enrollments");
  const { operator, json } = await openContext(flags, environment);
  const all: Enrollment[] = [];
  const get = (cursor: string | undefined) => listEnrollments(operator, { limit: 200, cursor });
  for await (const { enrollments } of everyPage(operator, get)) all.push(...enrollments);
  if (json) return answerJson({ enrollments: all });
  if (all.length === 0) return say("there is no enrollment");
  const now = new Date();
  showTable(all, [
    { title: "ID", text: ({ id }) => id },
    { title: "USED", text: ({ used, uses }) => `${used} of ${uses}` },
    { title: "STATE", text: (enrollment) => stateOf(enrollment, now) },
    { title: "EXPIRES", text: ({ expires_at }) => shortTime(expires_at) },
    { title: "NAME", text: ({ name }) => name ?? "", least: 6, dropped: 1 },
    { title: "LABELS", text: ({ labels }) => labelsOf(labels), least: 6, dropped: 2 },
  ]);
}

function addShow(enrollments: Command, environment: Environment): void {
  const command = enrollments.command("show")
    .description("show an enrollment, and how far each host came with its code")
    .argument("<id>", "the enrollment's id, not its code")
    .addHelpText("after", "\nExample:\n  openclaw enrollments show 00000000-0000-4000-8000-000000000000\n");
  addOptions(command);
  command.action((id, flags: OperatorFlags) => show(id, flags, environment));
}

async function show(given: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("enrollments");
  const id = checkId(given);
  const { operator, json } = await openContext(flags, environment);
  const { enrollment, hosts } = unwrap(await getEnrollment(operator, id), operator);
  if (json) return answerJson({ enrollment, hosts });
  const { uses, used, name, labels, heartbeat_interval_seconds: interval } = enrollment;
  const facts: [string, string | null][] = [
    ["id", enrollment.id],
    ["state", stateOf(enrollment, new Date())],
    ["used", `${used} of ${uses}`],
    ["expires", enrollment.expires_at],
    ["revoked", enrollment.revoked_at],
    ["name", name],
    ["labels", labelsOf(labels) || null],
    ["interval", interval === null ? null : formatDuration(interval)],
  ];
  for (const [title, text] of facts) if (text !== null) answer(`${title.padEnd(8)}  ${printable(text)}`);
  if (hosts.length === 0) return say("no host has used its code yet");
  answer("");
  showTable(hosts, hostColumns);
}

const hostColumns: readonly Column<EnrollingHost>[] = [
  { title: "HOST", text: ({ hostname }) => hostname ?? "", least: 10 },
  { title: "FROM", text: ({ address }) => address ?? "", least: 7, dropped: 2 },
  { title: "STEP", text: ({ step }) => step ?? "" },
  {
    title: "STATE",
    text: ({ failed }) => failed ? "failed" : "",
    colour: ({ failed }) => failed ? "red" : null,
  },
  { title: "AT", text: ({ at }) => shortTime(at) },
  { title: "AGENT", text: ({ agent_id }) => agent_id ?? "", least: 8, dropped: 3 },
  { title: "DETAIL", text: ({ detail }) => detail?.replaceAll("\n", " ") ?? "", least: 6, dropped: 1 },
];

function addRevoke(enrollments: Command, environment: Environment): void {
  const command = enrollments.command("revoke")
    .description("end a code; the agents that it made stay")
    .argument("<id>", "the enrollment's id, not its code")
    .addHelpText("after", "\nExample:\n  openclaw enrollments revoke 00000000-0000-4000-8000-000000000000\n");
  addOptions(command, yesOption());
  command.action((id, flags: OperatorFlags & YesFlag) => revoke(id, flags, environment));
}

async function revoke(
  given: string,
  flags: OperatorFlags & YesFlag,
  environment: Environment,
): Promise<void> {
  await giveUp("enrollments");
  const id = checkId(given);
  const { operator, json } = await openContext(flags, environment);
  await assertMeant(`end the code of the enrollment ${id}`, { yes: flags.yes === true, json, environment });
  unwrap(await revokeEnrollment(operator, id), operator);
  if (json) answerJson({ revoked: id });
  else say(`ended the code of the enrollment ${id}; the agents that it made stay`);
}

/** A code in its place is not repeated. */
function checkId(text: string): string {
  if (uuid.test(text)) return text.toLowerCase();
  throw new CliError("usage", "Cannot find the enrollment: its id is expected, a UUID, and not its code", {
    hint: "openclaw enrollments list",
  });
}

function stateOf({ revoked_at, expires_at, used, uses }: Enrollment, now: Date): string {
  if (revoked_at !== null) return "revoked";
  if (used >= uses) return "used up";
  return new Date(expires_at) <= now ? "expired" : "good";
}

function showTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const width = process.stdout.isTTY ? process.stdout.columns : null;
  for (const line of formatTable(rows, columns, width)) answer(line);
}

function hostsOf(uses: number): string {
  return uses === 1 ? "1 host" : `${uses} hosts`;
}

function labelsOf(labels: Record<string, string>): string {
  return Object.entries(labels).map(([key, value]) => `${key}:${value}`).join(", ");
}

function shortTime(time: string): string {
  return time.replace(/\.\d+/, "");
}
