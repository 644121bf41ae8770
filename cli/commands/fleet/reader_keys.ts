import type { Command } from "@commander-js/extra-typings";
import {
  createReaderKey,
  listReaderKeys,
  type ReaderKey,
  revokeReaderKey,
} from "../../api/operator/reader_keys.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { openOperator, type Operator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { answer, answerJson, say, warn } from "../../terminal/output.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { type Column, formatTable } from "../../terminal/table.ts";
import { assertMeant } from "./_ask.ts";
import { type OperatorFlags, operatorOptions } from "./_options.ts";
import { unwrap } from "./_outcome.ts";
import { everyPage } from "./_pages.ts";
import { nameFault } from "./_values.ts";

type RevokeFlags = OperatorFlags & { yes?: true };

const mostRows = 200;
const examples = {
  all:
    "\nA reader's key sees what its maker sees, and changes nothing: for a dashboard, or another monitor.\n" +
    "\nExample:\n  openclaw reader-keys create grafana\n",
  create: "\nExample:\n  openclaw reader-keys create grafana > key\n",
  list: "\nExample:\n  openclaw reader-keys list\n",
  revoke: "\nExample:\n  openclaw reader-keys revoke grafana\n",
};

/** Adds `openclaw reader-keys`. */
export function addReaderKeys(program: Command, environment: Environment): void {
  const keys = program.command("reader-keys")
    .description("make the keys that only read")
    .addHelpText("after", examples.all);
  const create = keys.command("create").description("make a key, and print it: it is shown once")
    .argument("<name>", "what it is for").addHelpText("after", examples.create);
  const list = keys.command("list").description("list the keys, never the keys themselves")
    .addHelpText("after", examples.list);
  const revoke = keys.command("revoke").description("end a key, at once and for good")
    .argument("<key>", "its name or id").option("--yes", "do not ask").addHelpText("after", examples.revoke);
  for (const command of [create, list, revoke]) {
    for (const option of operatorOptions()) command.addOption(option);
  }
  create.action((name, flags: OperatorFlags) => createKey(name, flags, environment));
  list.action((flags: OperatorFlags) => listKeys(flags, environment));
  revoke.action((name, flags: RevokeFlags) => revokeKey(name, flags, environment));
}

async function open(flags: OperatorFlags, environment: Environment): Promise<Operator> {
  const operator = await openOperator(flags, { environment, warn });
  await giveUp("reader-keys");
  return operator;
}

async function createKey(name: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  const fault = nameFault(name);
  if (fault !== null) {
    throw new CliError("usage", `Cannot make a reader's key of this name: ${fault}`, {
      hint: "openclaw reader-keys create grafana",
    });
  }
  const operator = await open(flags, environment);
  const made = unwrap(await createReaderKey(operator, name), operator);
  if (flags.json) return answerJson(made);
  say(`made the reader's key "${made.name}" (${made.id}); it is shown once:`);
  answer(made.key);
}

async function listKeys(flags: OperatorFlags, environment: Environment): Promise<void> {
  const operator = await open(flags, environment);
  const keys = await everyKey(operator);
  if (flags.json) return answerJson({ reader_keys: keys });
  if (keys.length === 0) return say("there are no readers' keys");
  for (const line of formatTable(keys, columns, terminalSize()?.columns ?? null)) answer(line);
}

const columns: Column<ReaderKey>[] = [
  { title: "name", text: ({ name }) => name, least: 10 },
  { title: "id", text: ({ id }) => id },
  { title: "made", text: ({ created_at }) => created_at ?? "", dropped: 1 },
];

async function revokeKey(name: string, flags: RevokeFlags, environment: Environment): Promise<void> {
  const operator = await open(flags, environment);
  const key = pick(await everyKey(operator), name);
  const json = flags.json === true;
  await assertMeant(`revoke the reader's key "${key.name}"`, { yes: flags.yes === true, json, environment });
  unwrap(await revokeReaderKey(operator, key.id), operator);
  if (json) answerJson(key);
  else say(`revoked the reader's key "${key.name}" (${key.id})`);
}

function pick(keys: readonly ReaderKey[], given: string): ReaderKey {
  const fitting = keys.filter(({ id, name }) => id === given.toLowerCase() || name === given);
  const [key, ...more] = fitting;
  const hint = "openclaw reader-keys list";
  if (key === undefined) {
    throw new CliError("notFound", "Cannot find the reader's key: none has this name or id", { hint });
  }
  if (more.length === 0) return key;
  throw new CliError(
    "conflict",
    `Cannot tell which reader's key is meant: ${fitting.length} have this name`,
    { hint },
  );
}

async function everyKey(operator: Operator): Promise<ReaderKey[]> {
  const keys: ReaderKey[] = [];
  const get = (cursor: string | undefined) => listReaderKeys(operator, { limit: mostRows, cursor });
  for await (const page of everyPage(operator, get)) keys.push(...page.reader_keys);
  return keys;
}
