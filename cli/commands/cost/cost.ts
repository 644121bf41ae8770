import { type Command, Option } from "@commander-js/extra-typings";
import { formatDuration } from "../../host/duration.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { CliError } from "../../terminal/errors.ts";
import { answer, answerJson } from "../../terminal/output.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { type Column, formatTable } from "../../terminal/table.ts";
import { jsonOption } from "../agent/_options.ts";
import { numberBetween, secondsBetween } from "../fleet/_values.ts";
import { agentsPerServer, type Bill, billsOf, type Fleet, loadOf } from "./_bill.ts";
import { machines, plan, pricesOf, supabase } from "./_figures.ts";

interface Flags {
  agents?: number | undefined;
  interval: number;
  json?: true | undefined;
}

const usualSeconds = 60;

const notes = `
Computed from what was measured (deno task bench:wire, bench:database, bench:fleet) and from prices of ${pricesOf},
without taxes: ${supabase.million} $ for a million calls of functions, ${supabase.gb} $ a GB from Supabase, ${machines.core} $ a vCPU, ${machines.gib} $ a GiB from
machines. docs/operating.md has the formulas.

Examples:
  openclaw cost --agents 50000
  openclaw cost --agents 1000000 --interval 5m --json
`;

/** Adds `openclaw cost`: what a month of a fleet costs, without asking anybody. */
export function addCost(program: Command, _environment: Environment): void {
  program.command("cost")
    .description(
      "reckon what a month of a fleet costs, by functions, on Supabase's Postgres, on your own machines",
    )
    .addHelpText("after", notes)
    .addOption(
      new Option("--agents <number>", "how many agents there are").argParser(numberBetween(1, 100_000_000)),
    )
    .addOption(
      new Option("--interval <time>", "how often each of them beats").argParser(secondsBetween(5, 86_400))
        .default(usualSeconds, "60s"),
    )
    .addOption(jsonOption())
    .action((flags: Flags) => cost(flags));
}

async function cost({ agents, interval: intervalSeconds, json }: Flags): Promise<void> {
  await giveUp("cost");
  if (agents === undefined) {
    throw new CliError("usage", "Cannot reckon the cost: --agents, the number of agents, is missing", {
      hint: "openclaw cost --agents 50000",
    });
  }
  const fleet = { agents, intervalSeconds };
  if (json) return answerJson(asJson(fleet));
  for (const line of asText(fleet)) answer(line);
}

function asJson(fleet: Fleet): object {
  const { beats, handshakes, mean, peak } = loadOf(fleet);
  return {
    agents: fleet.agents,
    heartbeat_interval_seconds: fleet.intervalSeconds,
    month: { seconds: plan.monthSeconds, beats, handshakes },
    requests_per_second: { mean, peak },
    agents_per_server: agentsPerServer(fleet.intervalSeconds),
    ways: billsOf(fleet),
    prices_of: pricesOf,
  };
}

function asText(fleet: Fleet): string[] {
  const { beats, handshakes, mean, peak } = loadOf(fleet);
  const every = formatDuration(fleet.intervalSeconds);
  const perServer = agentsPerServer(fleet.intervalSeconds);
  const servers = Math.ceil(fleet.agents / perServer);
  return [
    `${number(fleet.agents)} agents, a beat every ${every}: ${number(beats)} beats and ${
      number(handshakes)
    } handshakes in 30 days,`,
    `${number(mean)} requests a second, ${number(peak)} after an outage`,
    `one server takes ${number(perServer)} agents at ${every}: ${number(servers)} ${
      servers === 1 ? "is" : "are"
    } needed`,
    "",
    ...formatTable(billsOf(fleet), columns, terminalSize()?.columns ?? null),
  ];
}

const titles: Record<Bill["way"], string> = {
  functions: "Supabase functions",
  supabase_database: "serve, Supabase's Postgres",
  own_database: "serve, Postgres of your own",
};

const columns: readonly Column<Bill>[] = [
  { title: "way", text: ({ way }) => titles[way] },
  { title: "takes", text: ({ takes }) => takes, least: 12 },
  { title: "computing", text: ({ cost }) => dollars(cost?.computing) },
  { title: "traffic", text: ({ cost }) => dollars(cost?.traffic) },
  { title: "a month", text: ({ cost }) => dollars(cost?.total) },
];

function dollars(amount: number | undefined): string {
  return amount === undefined ? "-" : `${number(amount)} $`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
