import { PGlite } from "@electric-sql/pglite";
import { exists } from "./files.ts";
import { callStatement, type Connection, type Owner, type Store } from "./connection.ts";
import { migrate } from "./migrate.ts";
import { StartError } from "./start_error.ts";

/**
 * Opens the embedded Postgres in a folder, making it at the first start.
 *
 * The folder is made under another name and renamed when it is whole, so that a start that was killed
 * half-way leaves nothing that looks like a database. Who calls holds the lock on the folder: PGlite
 * itself lets a second process in.
 */
export async function openPglite(folder: string): Promise<Store> {
  const unfinished = `${folder}.unfinished`;
  if (await exists(unfinished)) await Deno.remove(unfinished, { recursive: true });
  if (!await exists(folder)) {
    const made = await open(unfinished);
    try {
      await migrate(owner(made));
    } finally {
      await made.close();
    }
    await Deno.rename(unfinished, folder);
  }
  const database = await open(folder);
  try {
    await migrate(owner(database));
    await database.exec("set role service_role");
  } catch (error) {
    await database.close();
    throw error;
  }
  return {
    async call(name, args) {
      const { rows: [row] } = await database.query<{ result: unknown }>(
        callStatement(name, args),
        Object.values(args),
      );
      return row?.result ?? null;
    },
    close: () => database.close(),
  };
}

async function open(folder: string): Promise<PGlite> {
  try {
    return await PGlite.create({ dataDir: folder });
  } catch (error) {
    throw new StartError(
      `Cannot open the embedded Postgres in "${folder}": it is damaged, or it is not one`,
      `move "${folder}" away to start with an empty one`,
      { cause: error },
    );
  }
}

function owner(database: PGlite): Owner {
  return {
    ...over(database),
    exclusively: (work) => database.transaction((transaction) => work(over(transaction))),
  };
}

function over(database: Pick<PGlite, "query" | "exec">): Connection {
  return {
    rows: async (sql) => (await database.query<Record<string, unknown>>(sql)).rows,
    run: async (sql) => void await database.exec(sql),
  };
}
