import { join } from "node:path";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { callParameters, callStatement } from "../../cli/serve/store/connection.ts";
import { type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { copyDatabaseTemplate } from "./database_template.ts";
import { folderInMemory } from "./server.ts";

type Row = Record<string, unknown>;

/** A database in this process, in which a call of the port has a moment that its test knows. */
export interface RulesDatabase extends AsyncDisposable {
  /** Works in one transaction as the service role, at its moment in microseconds. What it throws undoes it. */
  at: <Result>(work: (database: Database, now: number) => Promise<Result>) => Promise<Result>;
  /** Runs SQL as the database's owner. */
  sql: (statement: string, parameters?: unknown[]) => Promise<Row[]>;
}

/** A new one with this version's schema, empty. */
export async function openRulesDatabase(): Promise<RulesDatabase> {
  const folder = await folderInMemory();
  await copyDatabaseTemplate(folder.path);
  const pglite = await PGlite.create({ dataDir: join(folder.path, "postgres") });
  return {
    at: (work) => pglite.transaction((transaction) => atItsMoment(transaction, work)),
    sql: async (statement, parameters) => (await pglite.query<Row>(statement, parameters)).rows,
    async [Symbol.asyncDispose]() {
      await pglite.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** An instant of SQL as whole microseconds, which a number holds, as every number of these rules. */
export function micros(expression: string): string {
  return `(extract(epoch from ${expression}) * 1000000)::double precision`;
}

async function atItsMoment<Result>(
  transaction: Transaction,
  work: (database: Database, now: number) => Promise<Result>,
): Promise<Result> {
  const { rows: [moment] } = await transaction.query<Row>(`select ${micros("now()")} as now`);
  await transaction.exec("set local role service_role");
  const database = databaseOver(async (call) => {
    const { rows: [row] } = await transaction.query<Row>(callStatement(call), callParameters(call));
    return row?.result ?? null;
  });
  return await work(database, Number(moment?.now));
}
