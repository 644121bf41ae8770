import assert from "node:assert/strict";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { openPglite } from "../../../../cli/serve/store/pglite.ts";
import type { Job } from "../../../../cli/serve/schedule.ts";
import { Maintenance, vacuumedTables } from "../../../../cli/serve/store/maintenance.ts";
import { databaseOver } from "../../../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";
import { copyDatabaseTemplate } from "../../../_support/database_template.ts";
import { plainBeat } from "../../../_support/record_beats.ts";
import { folderInMemory, removeAtEnd } from "../../../_support/server.ts";

/** A maintenance over tables of the same names. */
interface Bench {
  database: PGlite;
  maintenance: Maintenance;
  lines: string[];
}

const agent = {
  name: "a",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  ownerId: null,
  ownerLimit: null,
  secretDigest: `sha256:${"0".repeat(64)}`,
  act: { actor: "key:test", address: null },
};

const beat = plainBeat("00000000-0000-0000-0000-000000000000");

const room = { isScarce: false, hasSegment: false };

/** Tables of the server's names, as they are in the beginning. */
const others = vacuumedTables.filter((table) => table !== "agents").map((table) => `public.${table}`);
const schema = `
  drop table if exists public.agents, ${others.join(", ")} cascade;
  create table public.agents (id integer primary key, message text);
  alter table public.agents alter column message set storage external;
  ${others.map((table) => `create table ${table} (id integer);`).join(" ")}
  grant select, insert, update on public.agents to service_role;
  insert into public.agents values (1, '');
`;

Deno.test("every table that a migration makes is vacuumed", async () => {
  const folder = new URL("../../../../supabase/migrations/", import.meta.url);
  const made: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const [, table = ""] of text.matchAll(/^create table public\.(\w+)/gm)) made.push(table);
  }
  assert.deepEqual(vacuumedTables.toSorted(), made.toSorted());
});

const folder = await folderInMemory();
await copyDatabaseTemplate(folder.path);
const database = await PGlite.create({ dataDir: join(folder.path, "postgres") });
removeAtEnd(folder.path);

Deno.test("beats with long messages → after 5,000 writes their room is used again, TOAST too", async () => {
  await onBench(async ({ database, maintenance }) => {
    const write = async (count: number): Promise<number> => {
      await database.exec(
        "do $$ begin for i in 1..200 loop update public.agents set message = repeat(md5(random()::text), 100); end loop; end $$",
      );
      maintenance.noteWrites(count);
      await maintenance.settled();
      const { rows } = await database.query<{ size: number }>(
        "select pg_total_relation_size('public.agents')::integer as size",
      );
      return rows[0]?.size ?? 0;
    };
    const first = await write(4999);
    const second = await write(1);
    assert.ok(second > first + 500_000, "fewer than 5,000 writes vacuum nothing");
    assert.ok(await write(5000) < second + 100_000, "5,000 vacuum");
  });
});

Deno.test("5,000 writes and 32 MB of log → a checkpoint, so that the log does not grow without end", async () => {
  await onBench(async ({ database, maintenance }) => {
    const after5000Writes = async (): Promise<number> => {
      maintenance.noteWrites(5000);
      await maintenance.settled();
      const { rows } = await database.query<{ bytes: number }>(
        "select (pg_current_wal_lsn() - redo_lsn)::integer as bytes from pg_control_checkpoint()",
      );
      return rows[0]?.bytes ?? NaN;
    };
    const write = (megabytes: number): Promise<unknown> =>
      database.exec(`select pg_logical_emit_message(false, 'test', repeat('x', 1048576))
        from generate_series(1, ${megabytes})`);
    await after5000Writes();
    await write(31);
    const before = await after5000Writes();
    assert.ok(before > 31 * 1024 * 1024, `it has written ${before} bytes, and waits`);
    await write(1);
    const after = await after5000Writes();
    assert.ok(after < 1024 * 1024, `${after} bytes are left`);
  });
});

Deno.test("calls while it vacuums → go in between, and do not wait for all tables", async () => {
  await onBench(async ({ database, maintenance }) => {
    const done: string[] = [];
    const plain = database.execProtocol.bind(database);
    database.execProtocol = async (message, options) => {
      const reply = await plain(message, options);
      const [, table] = /vacuum.* public\.(\w+)/.exec(new TextDecoder().decode(message)) ?? [];
      if (table !== undefined) {
        done.push(table);
        if (done.length === 1) void database.query("select 1").then(() => done.push("the call"));
      }
      return reply;
    };
    try {
      maintenance.noteWrites(5000);
      await maintenance.settled();
    } finally {
      database.execProtocol = plain;
    }
    assert.equal(done.indexOf("the call"), 1, done.join());
    assert.deepEqual(done.filter((table) => table !== "the call"), vacuumedTables);
  });
});

Deno.test("64 agents made, and twice as many → statistics are taken anew", async () => {
  await onBench(async ({ database, maintenance }) => {
    const known = (): Promise<number> => lastKnown(maintenance);
    await database.exec("insert into public.agents select generate_series(2, 64)");
    for (let made = 1; made < 64; made++) maintenance.noteAgentCreated();
    assert.equal(await known(), -1);
    maintenance.noteAgentCreated();
    assert.equal(await known(), 64);
    await database.exec("insert into public.agents select generate_series(65, 128)");
    for (let made = 64; made < 128; made++) maintenance.noteAgentCreated();
    assert.equal(await known(), 128);
  });
});

Deno.test("5,000, 10,000, 20,000 writes, and every hour → statistics are taken anew, and not with every vacuum", async () => {
  await onBench(async ({ database, maintenance }) => {
    const known: number[] = [];
    for (let vacuums = 1; vacuums <= 8; vacuums++) {
      await database.exec(`insert into public.agents select generate_series(${vacuums}00, ${vacuums}99)`);
      maintenance.noteWrites(5000);
      known.push(await lastKnown(maintenance));
    }
    assert.deepEqual(known, [199, 299, 299, 499, 499, 499, 499, 899]);
    await database.exec("insert into public.agents values (1000)");
    await jobOf(maintenance, "statistics").run();
    assert.equal(await lastKnown(maintenance), 1000);
  });
});

Deno.test("calls while it vacuums, and after it failed → none has the superuser's role, and the failure is a line", async () => {
  await onBench(async ({ database, maintenance, lines }) => {
    const roles = async (): Promise<Set<string>> => {
      maintenance.noteWrites(5000);
      const asked: Promise<{ rows: { role: string }[] }>[] = [];
      const asking = setInterval(() => asked.push(database.query("select current_user as role")), 0);
      for (let index = 0; index < 20; index++) await new Promise((resolve) => setTimeout(resolve));
      await maintenance.settled();
      clearInterval(asking);
      return new Set((await Promise.all(asked)).map(({ rows }) => rows[0]?.role ?? ""));
    };
    assert.deepEqual(await roles(), new Set(["service_role"]));
    assert.deepEqual(lines, []);
    await database.exec("reset role; drop table public.agent_events; set role service_role");
    assert.deepEqual(await roles(), new Set(["service_role"]));
    assert.equal(lines.length, 1);
    assert.match(lines.join(), /"warn".*could not vacuum the embedded Postgres.*agent_events/);
  });
});

Deno.test("transactions that are old → frozen once a day, and at a start that finds them", async () => {
  await onBench(async ({ database, maintenance, lines }) => {
    const old = `reset role;
      update pg_database set datfrozenxid = (4294967296 - 200000000)::text::xid;
      set role service_role`;
    const ages = async (): Promise<string> => {
      const { rows } = await database.query<{ what: string }>(
        "select datname || case when age(datfrozenxid) < 1000 then ' young' else ' old' end as what from pg_database order by 1",
      );
      return rows.map(({ what }) => what).join();
    };
    await maintenance.start();
    assert.equal(await ages(), "postgres young", "nothing is old, and the templates are gone");
    await database.exec(old);
    await maintenance.start();
    assert.equal(await ages(), "postgres young");
    await database.exec(old);
    await jobOf(maintenance, "freeze").run();
    assert.equal(await ages(), "postgres young");
    assert.deepEqual(lines, []);
  });
});

Deno.test("every beat of a list is a write, and a question is none", async () => {
  await using data = await folderInMemory();
  await copyDatabaseTemplate(data.path);
  const plain = Maintenance.prototype.noteWrites;
  const noted: number[] = [];
  Maintenance.prototype.noteWrites = (count) => void noted.push(count);
  try {
    const log = new Log((line) => assert.fail(line));
    const options = { folder: join(data.path, "postgres"), snapshots: join(data.path, "snapshots"), log };
    const store = await openPglite({ ...options, restore: false });
    const database = databaseOver(store.call);
    const made = await database.agents.create(agent);
    assert.ok(typeof made === "object");
    await database.heartbeats.record([plainBeat(made.id)]);
    await database.heartbeats.recordOrdinary([beat, plainBeat(made.id)]);
    await database.heartbeats.record([1, 2, 3].map(() => ({ ...beat, agentId: crypto.randomUUID() })));
    await database.health.ping();
    await store.close();
    assert.deepEqual(noted, [1, 1, 1, 3], "an ordinary list is as long as what was taken of it");
  } finally {
    Maintenance.prototype.noteWrites = plain;
  }
});

Deno.test("no room on the disk → nothing is done, with a line in the log, and it is done once there is", async () => {
  await onBench(async ({ database, maintenance, lines }) => {
    const isVacuumed = async (): Promise<boolean> => await lastKnown(maintenance) !== -1;
    await database.exec("insert into public.agents select i, '' from generate_series(2, 100) as i");
    room.isScarce = true;
    await maintenance.start();
    assert.ok(!await isVacuumed());
    assert.match(
      lines.join(),
      /"warn".*could not vacuum the embedded Postgres.*less than 24 MB are free on its disk/,
    );
    room.isScarce = false;
    await maintenance.start();
    assert.ok(await isVacuumed());
  });
});

/** The largest id that the statistics know, which a vacuum without them does not change; -1 where there are none. */
async function lastKnown(maintenance: Maintenance): Promise<number> {
  await maintenance.settled();
  const { rows } = await database.query<{ last: number | null }>(
    `select max(bound)::integer as last from pg_stats, unnest(histogram_bounds::text::integer[]) as bound
      where schemaname = 'public' and tablename = 'agents' and attname = 'id'`,
  );
  return rows[0]?.last ?? -1;
}

function jobOf(maintenance: Maintenance, name: string): Job {
  const job = maintenance.jobs.find((one) => one.name === name);
  assert.ok(job !== undefined);
  return job;
}

/** One Postgres for all of them, with new tables for each: a start takes seconds of work. */
async function onBench(test: (bench: Bench) => Promise<void>): Promise<void> {
  await database.exec(`reset role; ${schema} set role service_role`);
  const lines: string[] = [];
  const maintenance = new Maintenance(database, new Log((line) => lines.push(line)), room);
  assert.deepEqual(maintenance.jobs.map(({ everyMs }) => everyMs / 3_600_000), [1, 24]);
  try {
    await test({ database, maintenance, lines });
  } finally {
    await maintenance.settled();
  }
}
