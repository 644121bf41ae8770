import { type Command, Option } from "@commander-js/extra-typings";
import {
  type Channel,
  type ChannelChanges,
  createChannel,
  listChannels,
  patchChannel,
  removeChannel,
  testChannel,
} from "../../api/operator/channels.ts";
import { type ChannelKind, channelKinds, incidentKinds } from "../../fleet/channel_kinds.ts";
import { formatDuration } from "../../host/duration.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import {
  readChannelSettings,
  readGivenSettings,
  type SettingsFlags,
} from "../../operator/channel_settings.ts";
import type { Operator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { asCalled } from "../../terminal/called.ts";
import { answer, answerJson, say, warn } from "../../terminal/output.ts";
import { printable } from "../../terminal/printable.ts";
import { choose, mayAsk } from "../../terminal/prompt.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { type Column, formatTable } from "../../terminal/table.ts";
import {
  addOptions,
  type Context,
  labelsOption,
  openContext,
  type YesFlag,
  yesOption,
} from "./agents/_options.ts";
import { assertMeant } from "./_ask.ts";
import type { OperatorFlags } from "./_options.ts";
import { unwrap } from "./_outcome.ts";
import { everyPage } from "./_pages.ts";
import { nameFault, parseKinds, secondsBetween, secondsOrNone } from "./_values.ts";

interface RuleFlags {
  label?: Record<string, string>;
  kinds?: string[];
  after?: number;
  remindAfter?: number | "none";
}

type AddFlags = OperatorFlags & SettingsFlags & RuleFlags & { kind?: ChannelKind };
type EditFlags = OperatorFlags & SettingsFlags & RuleFlags & {
  rename?: string;
  enable?: true;
  disable?: true;
};

const example = `
A channel tells somebody of incidents. What is secret of its settings never stands in a command line: it is asked for,
or read from --settings-file, a JSON object such as {"url": "https://hooks.example/x"}, or the address or token by itself.

Examples:
  openclaw channels add ops --kind slack
  openclaw channels add on-call --kind pagerduty --settings-file key --kinds offline,stalled --after 5m
  openclaw channels add me --kind email --to you@example.com --label site:berlin
  openclaw channels test ops
`;

/** Adds `openclaw channels`: who is told of incidents. */
export function addChannels(program: Command, environment: Environment): void {
  const channels = program.command("channels")
    .description("say who is told of incidents, and where").addHelpText("after", example);
  addAdd(channels, environment);
  addList(channels, environment);
  addEdit(channels, environment);
  addTest(channels, environment);
  addRemove(channels, environment);
}

function settingsOptions(): Option[] {
  return [
    new Option("--settings-file <file>", "its settings, - for stdin"),
    new Option("--to <address>", "email: whom the mail goes to"),
    new Option("--chat-id <id>", "telegram: the chat's number, or @ and its name"),
  ];
}

function ruleOptions(): Option[] {
  return [
    labelsOption("only incidents with an agent of this label; repeated: of all of them"),
    new Option("--kinds <kinds>", `only these, with commas: ${incidentKinds.join(", ")} (default: all)`)
      .argParser(parseKinds),
    new Option("--after <time>", "only incidents that last so long, 0s to 1d (default: 0s)")
      .argParser(secondsBetween(0, 86_400)),
    new Option("--remind-after <time>", "repeat until it is acknowledged, 5m to 7d, or none (default: none)")
      .argParser(secondsOrNone(300, 604_800)),
  ];
}

function addAdd(channels: Command, environment: Environment): void {
  const command = channels.command("add").description("make a channel").argument(
    "<name>",
    "what it is called",
  )
    .addOption(
      new Option("--kind <kind>", "the service that it reaches").choices(channelKinds),
    )
    .addHelpText("after", "\nExample:\n  openclaw channels add ops --kind slack\n");
  addOptions(command, ...settingsOptions(), ...ruleOptions());
  command.action((name, flags) => add(name, flags as AddFlags, environment));
}

async function add(name: string, flags: AddFlags, environment: Environment): Promise<void> {
  checkName(name);
  const kind = flags.kind ?? await askForKind(environment);
  const settings = await readChannelSettings(kind, flags, { environment, warn });
  await giveUp("channels");
  const { operator, json } = await openContext(flags, environment);
  const made = unwrap(
    await createChannel(operator, { name, kind, settings, ...rulesOf(flags) }),
    operator,
  );
  if (json) return answerJson(made);
  const { channel, signing_secret } = made;
  say(`made the channel "${printable(channel.name)}" (${channel.id})`);
  if (signing_secret !== null) {
    say("its receiver checks the signature with this secret, which is shown once:");
    answer(signing_secret);
  }
  say(asCalled(`see whether it arrives: openclaw channels test ${channel.id}`));
}

async function askForKind(environment: Environment): Promise<ChannelKind> {
  const kinds = channelKinds.map((kind) => ({ value: kind, label: kind }));
  const chosen = mayAsk(environment) ? await choose("The service that it reaches", kinds, environment) : null;
  if (chosen !== null) return chosen;
  throw new CliError("usage", "Cannot make the channel: --kind, the service that it reaches, is missing", {
    hint: `--kind <${channelKinds.join("|")}>`,
  });
}

function rulesOf({ label, kinds, after, remindAfter }: RuleFlags): ChannelChanges {
  return {
    ...(label === undefined ? {} : { labels: label }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(after === undefined ? {} : { after_seconds: after }),
    ...(remindAfter === undefined
      ? {}
      : { remind_after_seconds: remindAfter === "none" ? null : remindAfter }),
  };
}

function addList(channels: Command, environment: Environment): void {
  const command = channels.command("list").description("list the channels, without what is secret of them")
    .addHelpText("after", "\nExample:\n  openclaw channels list\n");
  addOptions(command);
  command.action((flags: OperatorFlags) => list(flags, environment));
}

async function list(flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("channels");
  const { operator, json } = await openContext(flags, environment);
  const all = await everyChannel(operator);
  if (json) return answerJson({ channels: all });
  if (all.length === 0) return say("there is no channel: nobody is told of incidents");
  for (const line of formatTable(all, columns, terminalSize()?.columns ?? null)) answer(line);
}

const columns: Column<Channel>[] = [
  { title: "NAME", text: ({ name }) => name, least: 10 },
  { title: "KIND", text: ({ kind }) => kind },
  { title: "STATE", text: ({ enabled }) => enabled ? "" : "disabled", colour: stateColour },
  { title: "WHERE", text: ({ settings }) => Object.values(settings).join(" "), least: 8, dropped: 2 },
  { title: "TOLD OF", text: toldOf, least: 6, dropped: 1 },
  { title: "ID", text: ({ id }) => id, dropped: 3 },
];

function stateColour({ enabled }: Channel): "yellow" | null {
  return enabled ? null : "yellow";
}

function toldOf({ kinds, labels, after_seconds, remind_after_seconds }: Channel): string {
  return [
    kinds.length === incidentKinds.length ? "all" : kinds.join(","),
    ...Object.entries(labels).map(([key, value]) => `${key}:${value}`),
    ...(after_seconds === 0 ? [] : [`after ${formatDuration(after_seconds)}`]),
    ...(remind_after_seconds === null ? [] : [`again every ${formatDuration(remind_after_seconds)}`]),
  ].join(" ");
}

function addEdit(channels: Command, environment: Environment): void {
  const command = channels.command("edit").description("change a channel: what is not named stays as it is")
    .argument("<channel>", "its name or id")
    .addHelpText("after", "\nExample:\n  openclaw channels edit ops --after 10m --remind-after 4h\n");
  addOptions(
    command,
    new Option("--rename <name>", "what it is called from now on"),
    ...settingsOptions(),
    ...ruleOptions(),
    new Option("--enable", "tell it again"),
    new Option("--disable", "tell it nothing").conflicts("enable"),
  );
  command.action((given, flags) => edit(given, flags as EditFlags, environment));
}

async function edit(given: string, flags: EditFlags, environment: Environment): Promise<void> {
  const { rename, enable, disable, settingsFile, to, chatId } = flags;
  if (rename !== undefined) checkName(rename);
  const context = await openContext(flags, environment);
  const channel = pick(await everyChannel(context.operator), given);
  const hasSettings = settingsFile !== undefined || to !== undefined || chatId !== undefined;
  const changes: ChannelChanges = {
    ...rulesOf(flags),
    ...(rename === undefined ? {} : { name: rename }),
    ...(enable === true ? { enabled: true } : {}),
    ...(disable === true ? { enabled: false } : {}),
    ...(hasSettings ? { settings: await readGivenSettings(kindOf(channel), flags, warn) } : {}),
  };
  await giveUp("channels");
  if (Object.keys(changes).length === 0) {
    throw new CliError("usage", "Cannot edit the channel: nothing to change is named", {
      hint: "openclaw channels edit --help",
    });
  }
  const edited = unwrap(await patchChannel(context.operator, channel.id, changes), context.operator);
  if (context.json) answerJson(edited);
  else say(`edited the channel "${printable(edited.name)}" (${edited.id})`);
}

function addTest(channels: Command, environment: Environment): void {
  const command = channels.command("test")
    .description("send a test, and show what the receiver said")
    .argument("<channel>", "its name or id")
    .addHelpText("after", "\nExample:\n  openclaw channels test ops\n");
  addOptions(command);
  command.action((given, flags: OperatorFlags) => test(given, flags, environment));
}

async function test(given: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("channels");
  const { channel, context } = await find(given, flags, environment);
  const tested = unwrap(await testChannel(context.operator, channel.id), context.operator);
  const name = printable(channel.name);
  if (!tested.delivered) {
    throw new CliError("unreachable", `Cannot deliver to the channel "${name}": ${tested.answer}`, {
      hint: hintAt(channel, tested.answer),
    });
  }
  if (context.json) answerJson(tested);
  else answer(`the channel "${name}" took it: ${tested.answer}`);
}

/** What the server lacks, no setting of the channel brings. */
function hintAt({ id }: Channel, said: string): string {
  const variable = /\bOPENCLAW_[A-Z_]+/.exec(said)?.[0];
  return variable === undefined
    ? `openclaw channels edit ${id} --settings-file <file>`
    : `set ${variable} where the service runs`;
}

function addRemove(channels: Command, environment: Environment): void {
  const command = channels.command("remove")
    .description("delete a channel: it is told nothing more, of what has happened neither")
    .argument("<channel>", "its name or id")
    .addHelpText("after", "\nExample:\n  openclaw channels remove ops\n");
  addOptions(command, yesOption());
  command.action((given, flags: OperatorFlags & YesFlag) => remove(given, flags, environment));
}

async function remove(
  given: string,
  flags: OperatorFlags & YesFlag,
  environment: Environment,
): Promise<void> {
  await giveUp("channels");
  const { channel, context } = await find(given, flags, environment);
  const { operator, json } = context;
  const name = printable(channel.name);
  await assertMeant(`delete the channel "${name}"`, { yes: flags.yes === true, json, environment });
  const removed = unwrap(await removeChannel(operator, channel.id), operator);
  if (json) answerJson(removed);
  else say(`deleted the channel "${name}" (${channel.id})`);
}

async function find(
  given: string,
  flags: OperatorFlags,
  environment: Environment,
): Promise<{ channel: Channel; context: Context }> {
  const context = await openContext(flags, environment);
  return { channel: pick(await everyChannel(context.operator), given), context };
}

function pick(channels: readonly Channel[], given: string): Channel {
  const fitting = channels.filter(({ id, name }) => id === given.toLowerCase() || name === given);
  const [channel, ...more] = fitting;
  const hint = "openclaw channels list";
  if (channel === undefined) {
    throw new CliError("notFound", "Cannot find the channel: none has this name or id", { hint });
  }
  if (more.length === 0) return channel;
  throw new CliError("conflict", `Cannot tell which channel is meant: ${fitting.length} have this name`, {
    hint,
  });
}

function kindOf({ kind }: Channel): ChannelKind {
  const known = channelKinds.find((one) => one === kind);
  if (known !== undefined) return known;
  throw new CliError(
    "unexpected",
    `Cannot edit its settings: this program does not know the kind "${kind}"`,
    {
      hint: "upgrade it to the server's version",
    },
  );
}

async function everyChannel(operator: Operator): Promise<Channel[]> {
  const channels: Channel[] = [];
  const get = (cursor: string | undefined) => listChannels(operator, { limit: 200, cursor });
  for await (const page of everyPage(operator, get)) channels.push(...page.channels);
  return channels;
}

function checkName(name: string): void {
  const fault = nameFault(name);
  if (fault === null) return;
  throw new CliError("usage", `Cannot call a channel so: ${fault}`, { hint: "openclaw channels add --help" });
}
