import assert from "node:assert/strict";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { amcheck } from "@electric-sql/pglite/contrib/amcheck";
import { copyInUse, isBaseBackup } from "../../../../cli/serve/store/base_backup.ts";
import { Maintenance } from "../../../../cli/serve/store/maintenance.ts";
import { Room } from "../../../../cli/serve/store/room.ts";
import { exists } from "../../../../cli/host/private_file.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";
import { copyDatabaseTemplate } from "../../../_support/database_template.ts";
import { withFolderInMemory } from "../../../_support/server.ts";

const segmentBytes = 16 * 1024 * 1024;

Deno.test("a copy while rows are written, and a table is dropped → whole, with all that was written before it began", async () => {
  await withDatabase(async ({ database, folder, copy }) => {
    let written = 0;
    let copied = false;
    const write = async (): Promise<void> => {
      await database.exec(`
        insert into public.rows (id, filler) select ${written} * 100 + i, repeat(md5(i::text), 4) from generate_series(1, 100) i;
        update public.rows set filler = filler || 'x' where id between ${written} * 50 and ${written} * 50 + 100;
      `);
      if (++written % 20 === 0) await database.exec("select pg_switch_wal()");
      // So that what waits for the system goes on, too.
      await new Promise((resolve) => setTimeout(resolve));
    };
    while (written < 50) await write();
    const before = written;
    // A name without a file, as one has that goes after its folder was read.
    await Deno.symlink(join(folder, "gone"), join(folder, "base", "gone"));
    const made = copyInUse(database, folder, copy).finally(() => copied = true);
    await database.exec("drop table public.doomed");
    let meanwhile = 0;
    for (; !copied; meanwhile++) await write();
    await made;
    assert.ok(meanwhile > 20, `only ${meanwhile} writes were made while it was copied`);
    await using opened = await PGlite.create({ dataDir: copy, extensions: { amcheck } });
    const [row] = await rowsOf<{ rows: number }>(opened, "select count(*)::integer as rows from public.rows");
    assert.ok(
      row !== undefined && row.rows >= before * 100 && row.rows <= written * 100,
      JSON.stringify(row),
    );
    assert.equal(row.rows % 100, 0, "half of a transaction");
    assert.deepEqual(await rowsOf(opened, "select to_regclass('public.doomed') as doomed"), [{
      doomed: null,
    }]);
    assert.deepEqual(await faultsOf(opened), []);
  });
});

Deno.test("a copy after one that failed, and one for which there was no room → whole", async () => {
  await withDatabase(async ({ database, folder, copy }) => {
    await Deno.writeTextFile(copy, "in the way");
    await assert.rejects(copyInUse(database, folder, copy));
    const full = new Room(folder, () => 60 * 1024 * 1024);
    await assert.rejects(
      copyInUse(database, folder, copy, full),
      /^Error: there are 60 MB free on its disk, expected \d+ MB$/,
    );
    assert.ok(!await exists(copy), "nothing is left of a copy that failed");
    await copyInUse(database, folder, copy);
    await using opened = await PGlite.create({ dataDir: copy });
    assert.deepEqual(await rowsOf(opened, "select count(*)::integer as rows from public.rows"), [{
      rows: 0,
    }]);
  });
});

Deno.test("its log is cut while it is copied → refused, and not taken for a copy", async () => {
  await withDatabase(async ({ database, folder, copy }) => {
    let copied = false;
    const made = copyInUse(database, folder, copy).finally(() => copied = true);
    const cut = async (): Promise<void> => {
      while (!copied) {
        await database.exec("select pg_switch_wal(); create table if not exists public.more ()");
        await database.exec("checkpoint");
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    await assert.rejects(
      Promise.all([made, cut()]),
      /the log was cut while it was copied: there is no [0-9A-F]{24}/,
    );
    assert.ok(!await isBaseBackup(copy));
  });
});

Deno.test("maintenance that is due while it is copied → after it, so that the log is not cut", async () => {
  await withDatabase(async ({ database, folder, copy }) => {
    await database.exec("set role service_role");
    const maintenance = new Maintenance(database, new Log(() => undefined), {
      isScarce: false,
      hasSegment: true,
    });
    const lengthOfLog = async (): Promise<number> => {
      await database.exec("reset role");
      const [row] = await rowsOf<{ bytes: number }>(
        database,
        "select (pg_current_wal_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()",
      );
      await database.exec("set role service_role");
      return row?.bytes ?? 0;
    };
    const order: string[] = [];
    const copied = maintenance.pauseFor(async () => {
      await copyInUse(database, folder, copy);
      order.push("copied");
    });
    const due = maintenance.start().then(() => order.push("maintained"));
    await Promise.all([copied, due]);
    assert.deepEqual(order, ["copied", "maintained"]);
    assert.ok(await lengthOfLog() < segmentBytes);
    assert.ok(await isBaseBackup(copy));
  });
});

interface Opened {
  database: PGlite;
  folder: string;
  /** Where nothing is yet. */
  copy: string;
}

/** A database of this version's schema, with two tables more. */
async function withDatabase(test: (opened: Opened) => Promise<void>): Promise<void> {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    const folder = join(data, "postgres");
    await using database = await PGlite.create({ dataDir: folder });
    await database.exec(`
      create table public.rows (id integer primary key, filler text not null);
      create table public.doomed as select generate_series(1, 1000) as id;
    `);
    await test({ database, folder, copy: join(data, "copy") });
  });
}

async function rowsOf<Row>(database: PGlite, query: string): Promise<Row[]> {
  return (await database.query<Row>(query)).rows;
}

/** What Postgres's own check finds wrong in any table and B-tree of this schema's. */
async function faultsOf(database: PGlite): Promise<unknown[]> {
  await database.exec("create extension amcheck");
  const relations = `
    from pg_class as relation join pg_am as method on method.oid = relation.relam
    where relation.relnamespace = 'public'::regnamespace
  `;
  const checked = await rowsOf<{ relname: string }>(
    database,
    `select relname, bt_index_check(relation.oid, heapallindexed => true)::text ${relations} and method.amname = 'btree' and relkind = 'i'`,
  );
  assert.ok(checked.some(({ relname }) => relname === "rows_pkey"));
  return await rowsOf(
    database,
    `select relname, fault.* ${
      relations.replace("where", "cross join lateral verify_heapam(relation.oid) as fault where")
    }
      and relation.relkind = 'r'`,
  );
}
