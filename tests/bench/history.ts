// deno-lint-ignore-file no-console -- a benchmark prints
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { temporaryFolder } from "../_support/server.ts";
import { execute } from "../_support/sql.ts";
import { isInstalled } from "../_support/tools.ts";
import { makeFleet } from "./_fleet.ts";
import { median, row } from "./_numbers.ts";
import { fewAgents } from "./_rows.ts";
import { startMeasured } from "./_servers.ts";
import { type Figures, loadSubject } from "./_subject.ts";

// What the history takes of a beat: 128 connections send beats to one server over Postgres, by turns of a second in which
// it keeps a history and in which it does not. Two servers would differ by more than the history costs.
//
//   deno task bench:history [turns of each kind: 20]

const turns = Number(Deno.args[0] ?? 20);
const signal = AbortSignal.timeout(600_000);
/** The server sets the days every ten seconds as it was told. Here they are what this table says. */
const holdDays = `
  create table public.bench_days as select 30 as days;
  grant select on public.bench_days to service_role;
  create function public.bench_days_hold() returns trigger language plpgsql as
    $$ begin new.days := (select b.days from public.bench_days as b); return new; end $$;
  create trigger bench_days before update on public.history_settings
    for each row execute function public.bench_days_hold()`;

const bin = await findPostgres();
if (bin === null || !isInstalled("wrk") || Deno.build.os !== "linux") {
  console.log("left out: it takes Linux, wrk, and a Postgres");
} else {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder()).path;
  const postgres = opened.use(await startPostgres(bin));
  const address = await postgres.createDatabase();
  const fleet = await makeFleet(folder, fewAgents);
  const its = { ...postgres, createDatabase: () => Promise.resolve(address) };
  const { target } = await startMeasured("Postgres", {
    opened,
    folder,
    fleet,
    agents: fewAgents,
    postgres: its,
  });
  await execute(address, holdDays);
  const load = { kind: "beat", connections: 128, file: fleet.file, agents: fewAgents } as const;
  const { run } = loadSubject({ name: "beats", part: "postgres" }, target, load);
  await run({ seconds: 2, signal });
  const seen: Record<"with" | "without", Figures[]> = { with: [], without: [] };
  for (let turn = 0; turn < 2 * turns; turn++) {
    // With, without, without, with: what grows or settles in the meantime tells on both.
    const kind = turn % 4 === 0 || turn % 4 === 3 ? "with" : "without";
    const days = kind === "with" ? 30 : 0;
    await execute(
      address,
      `update public.bench_days set days = ${days}; update public.history_settings set days = ${days}`,
    );
    seen[kind].push(await run({ seconds: 1, signal }));
  }
  const of = (kind: "with" | "without", what: keyof Figures): number =>
    median(seen[kind].map((figures) => figures[what] ?? NaN));
  console.log(row("beats, 128 connections", "a second", "CPU µs, server + Postgres"));
  for (const kind of ["with", "without"] as const) {
    const cpu = `${of(kind, "server").toFixed(1)} + ${of(kind, "database").toFixed(1)}`;
    console.log(row(`${kind} history`, of(kind, "rate").toFixed(0), cpu));
  }
  console.log(row("with, in times of without", (of("with", "rate") / of("without", "rate")).toFixed(3)));
}
