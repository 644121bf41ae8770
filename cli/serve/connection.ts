import type { Call } from "../../supabase/functions/_shared/database.ts";

/** A row of a query's result. */
export type Row = Readonly<Record<string, unknown>>;

/** A connection as the role that owns the schema, for migrations. */
export interface Connection {
  rows: (sql: string) => Promise<Row[]>;
  /** Runs any number of statements. */
  run: (sql: string) => Promise<void>;
}

/** A database that a server may have to migrate. */
export interface Owner extends Connection {
  /** Does the work in one transaction, all or not at all, and alone: others who migrate the same database wait. */
  exclusively: (work: (connection: Connection) => Promise<void>) => Promise<void>;
}

/** An open, migrated database. */
export interface Store {
  /** Calls a SQL function as the service role. */
  call: Call;
  close: () => Promise<void>;
}

/** The statement that calls a SQL function with its arguments by name. */
export function callStatement(name: string, args: object): string {
  const named = Object.keys(args).map((key, index) => `${key} => $${index + 1}`).join(", ");
  return `select public.${name}(${named}) as result`;
}
