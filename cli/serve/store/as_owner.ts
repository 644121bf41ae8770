import { parse, type PGlite, protocol } from "@electric-sql/pglite";

/**
 * Runs a statement as the superuser while nothing else runs, and returns its rows. Not in PGlite's `transaction`, which
 * does not hold back what asks by `runExclusive`, as every call does: so no call ever has that role.
 */
export async function askAsOwner<Row>(database: PGlite, statement: string): Promise<Row[]> {
  return await database.runExclusive(async () => {
    const [before] = await ask<{ role: string }>(database, "select current_setting('role') as role");
    await ask(database, "reset role");
    try {
      return await ask<Row>(database, statement);
    } finally {
      await ask(database, `set role ${before?.role ?? "none"}`);
    }
  });
}

async function ask<Row>(database: PGlite, statement: string): Promise<Row[]> {
  const { messages } = await database.execProtocol(protocol.serialize.query(statement));
  const [result] = parse.parseResults(messages, database.parsers);
  return (result?.rows ?? []) as Row[];
}
