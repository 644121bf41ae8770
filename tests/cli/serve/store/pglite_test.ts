import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";
import { packTar } from "modern-tar/fs";
import { openPglite } from "../../../../cli/serve/store/pglite.ts";
import { StartError } from "../../../../cli/serve/start_error.ts";
import { type Database, databaseOver } from "../../../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";
import { newAgent } from "../../../_support/scenario_agents.ts";
import { copyDatabaseTemplate } from "../../../_support/database_template.ts";
import { namesIn } from "../../../_support/home.ts";
import { withFolderInMemory } from "../../../_support/server.ts";

Deno.test("a database that a newer version migrated → refused, and it is as it was", async () => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    const history = "supabase_migrations.schema_migrations";
    const asked = async (statement: string): Promise<unknown> => {
      await using database = await PGlite.create({ dataDir: join(data, "postgres") });
      return (await database.query(statement)).rows;
    };
    await asked(`insert into ${history} (version, name) values ('29991231000000', 'openclaw_later')`);
    const before = await asked(`select * from ${history} order by version`);
    await assertRefused(open(data), /a newer openclaw has migrated it to 29991231000000/);
    assert.deepEqual(await asked(`select * from ${history} order by version`), before);
  });
});

// One database makes the snapshot that all of them begin with.
Deno.test("the newest snapshot that is whole takes the place of the database", async (test) => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    await assertRefused(open(data, { restore: true }), /there is no snapshot/);
    const id = await withDatabase(data, async ({ agents }) => {
      const made = await agents.create({ ...newAgent, name: "kept" });
      return typeof made === "string" ? assert.fail(made) : made.id;
    });
    const isRestored = (): Promise<void> =>
      withDatabase(data, async ({ agents }) => assert.equal((await agents.get(id, null))?.name, "kept"), {
        restore: true,
      });

    const other = [{ type: "content", target: "PG_VERSION", content: "18" }] as const;
    const archive = gzipSync(new Uint8Array(await new Response(packTar(other)).arrayBuffer()));

    for (
      const [how, damage] of [
        ["cut", (whole: Uint8Array) => whole.slice(0, whole.length / 2)],
        ["empty", () => new Uint8Array()],
        ["not an archive", () => new TextEncoder().encode("not an archive")],
        ["an archive of something else", () => archive],
      ] as const
    ) {
      await test.step(`one that is ${how} → it is named, and nothing changes`, () => isNamed(data, damage));
    }
    await test.step("a folder that does not open → it is damaged, and is put aside by a restore", async () => {
      await Deno.writeTextFile(join(data, "postgres", "global", "pg_control"), "broken");
      const { hint } = await assertRefused(open(data), /it is damaged/);
      assert.match(hint, /--restore .*"[^"]+snapshots[^"]+\.tar\.gz"/);
      await isRestored();
      assert.ok((await namesIn(data)).some((name) => name.startsWith("postgres.before-restore-")));
    });
    await test.step("an empty folder in its place → no empty fleet", async () => {
      await Deno.rename(join(data, "postgres"), join(data, "elsewhere"));
      await Deno.mkdir(join(data, "postgres"));
      await assertRefused(
        open(data),
        /Cannot find the embedded Postgres .* although there is a snapshot of it/,
      );
      await Deno.rename(join(data, "elsewhere"), join(data, "postgres"));
    });
    await test.step("a folder with something else in it → it is damaged, and no new one is made there", async () => {
      await Deno.rename(join(data, "postgres", "PG_VERSION"), join(data, "elsewhere"));
      await assertRefused(open(data), /it is damaged, or not a database/);
      await Deno.rename(join(data, "elsewhere"), join(data, "postgres", "PG_VERSION"));
    });
    await test.step("a file in its place → it is damaged", async () => {
      await Deno.rename(join(data, "postgres"), join(data, "elsewhere"));
      await Deno.writeTextFile(join(data, "postgres"), "");
      await assertRefused(open(data), /it is damaged, or not a database/);
      await Deno.remove(join(data, "postgres"));
      await Deno.rename(join(data, "elsewhere"), join(data, "postgres"));
    });
    await test.step("killed between its two renames → no empty fleet, and a restore goes on", async () => {
      await Deno.rename(join(data, "postgres"), join(data, "postgres.before-restore-now"));
      await Deno.mkdir(join(data, "postgres.restored"));
      const { hint } = await assertRefused(
        open(data),
        /Cannot find the embedded Postgres "[^"]+postgres", although there is a snapshot of it/,
      );
      assert.match(hint, /^start with --restore .*"[^"]+snapshots[^"]+\.tar\.gz"/);
      await isRestored();
    });
  });
});

Deno.test("while a snapshot is taken → calls are answered, and what is written meanwhile is in the next one", async () => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    const { call, jobs, close } = await open(data);
    const { agents, health } = databaseOver(call);
    const create = async (name: string): Promise<void> => void await agents.create({ ...newAgent, name });
    await create("first");
    let taken = false;
    const snapshot = jobs.find(({ name }) => name === "snapshot")?.run().then(() => taken = true);
    let answered = 0;
    for (; !taken; answered++) {
      await health.ping();
      if (answered === 0) await create("meanwhile");
      await new Promise((resolve) => setTimeout(resolve));
    }
    await snapshot;
    assert.ok(answered > 20, `${answered} calls were answered`);
    await close();
    assert.equal((await namesIn(join(data, "snapshots"))).length, 2);
    await withDatabase(data, async ({ agents }) => {
      const filter = { liveness: null, labels: [], search: null };
      const { rows } = await agents.list(null, { filter, sort: "name", page: { limit: 10, after: null } });
      assert.deepEqual(rows.map(({ name }) => name), ["first", "meanwhile"]);
    }, { restore: true });
  });
});

Deno.test("snapshots: one at each close after a change, none without one, and the last three are kept", async () => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    const snapshots = join(data, "snapshots");
    const create = ({ agents }: Database): Promise<unknown> => agents.create(newAgent);
    await withDatabase(data, create);
    const [first = assert.fail(), ...more] = await namesIn(snapshots);
    assert.deepEqual(more, []);
    assert.equal(((await Deno.stat(join(snapshots, first))).mode ?? 0) & 0o777, 0o600);
    await withDatabase(data, async ({ health, deliveries }) => {
      await health.ping();
      await deliveries.claim({ most: 10, leaseSeconds: 120 });
    });
    assert.deepEqual(await namesIn(snapshots), [first], "nothing changed");
    const earlier = [1, 2].map((day) => `2026-01-0${day}T00-00-00.000Z.tar.gz`);
    for (const name of earlier) await Deno.copyFile(join(snapshots, first), join(snapshots, name));
    await withDatabase(data, create);
    const kept = await namesIn(snapshots);
    // One without a number is older than all others.
    assert.deepEqual(kept.filter((name) => earlier.includes(name) || name === first), [first, earlier[1]]);
    assert.equal(kept.length, 3);
  });
});

function open(data: string, { restore = false } = {}): ReturnType<typeof openPglite> {
  const log = new Log(() => undefined);
  return openPglite({ folder: join(data, "postgres"), snapshots: join(data, "snapshots"), restore, log });
}

/** Opens the database, and closes it as a clean stop does. */
async function withDatabase<Result>(
  data: string,
  work: (database: Database) => Promise<Result>,
  options: { restore?: boolean } = {},
): Promise<Result> {
  const { call, close } = await open(data, options);
  try {
    return await work(databaseOver(call));
  } finally {
    await close();
  }
}

async function isNamed(data: string, damage: (whole: Uint8Array) => Uint8Array): Promise<void> {
  const snapshots = join(data, "snapshots");
  const [whole = assert.fail()] = await namesIn(snapshots);
  const damaged = join(snapshots, "99999999-2026-11-23T00-00-00.000Z.tar.gz");
  await Deno.writeFile(damaged, damage(await Deno.readFile(join(snapshots, whole))));
  const before = await namesIn(data);
  await assertRefused(
    open(data, { restore: true }),
    /Cannot restore the snapshot "[^"]+9999-[^"]+": it is damaged, or not a snapshot/,
  );
  assert.deepEqual(await namesIn(data), before);
  // As the hint says; the next restore takes the one before it.
  await Deno.rename(damaged, `${damaged}.damaged`);
}

async function assertRefused(work: Promise<unknown>, message: RegExp): Promise<StartError> {
  const [result] = await Promise.allSettled([work]);
  assert.ok(result.status === "rejected", "it was not refused");
  assert.ok(result.reason instanceof StartError, String(result.reason));
  assert.match(result.reason.message, message);
  return result.reason;
}
