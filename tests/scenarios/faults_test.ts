import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import postgres from "postgres";
import { assertError, type CreatedAgent, FleetClient, send } from "../_support/client.ts";
import { copyDatabaseTemplate } from "../_support/database_template.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { isInstalled } from "../_support/tools.ts";
import {
  type RefusedStart,
  type ServerProcess,
  startServerProcess,
  tryServerProcess,
  withFolder,
} from "../_support/server.ts";
import { until } from "../_support/wait.ts";

/**
 * The server gives up after 4 s. Were replies waited for one after the other, twenty would take longer than this; a
 * busy machine does not.
 */
const mostMs = 75_000;
const realPostgres = await part("Postgres 15 or later", findPostgres);
const disks = await part(
  "way to mount a small disk (it takes root on Linux)",
  () => Promise.resolve(["root", "mount", "umount"].every(isInstalled) ? "mount" : null),
);

for (const [how, suffix] of [["", ""], [", behind a transaction pooler", "?prepare=false"]] as const) {
  realPostgres.test(`Postgres stopped under load${how} → 503, none after another, and back by itself when it returns`, async (bin) => {
    const database = await startPostgres(bin);
    try {
      const url = await database.createDatabase();
      await withFolder(async (data) => {
        const server = await startServerProcess({ data, env: { DATABASE_URL: `${url}${suffix}` } });
        try {
          for (const mode of ["fast", "immediate"] as const) await outage(server, database, mode);
        } finally {
          assert.equal(await server.stop(), 0);
        }
      });
    } finally {
      await database.remove();
    }
  });

  realPostgres.test(
    `Postgres that freezes and takes no more connections${how} → 1000 beats at once are 503, none after another, and it comes back`,
    async (bin) => {
      const database = await startPostgres(bin);
      const line = await freezable(database.port);
      try {
        const url = (await database.createDatabase()).replace(`:${database.port}/`, `:${line.port}/`);
        await withFolder(async (data) => {
          const server = await startServerProcess({ data, env: { DATABASE_URL: `${url}${suffix}` } });
          try {
            await frozen(server, line);
          } finally {
            assert.equal(await server.stop(), 0);
          }
        });
      } finally {
        line.close();
        await database.remove();
      }
    },
  );
}

realPostgres.test("Postgres that accepts and never answers → 503, none after another", async (bin) => {
  const database = await startPostgres(bin);
  try {
    const url = await database.createDatabase();
    await withFolder(async (data) => {
      const server = await startServerProcess({ data, env: { DATABASE_URL: url } });
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent();
      const other = postgres(url, { max: 1, onnotice: () => undefined });
      try {
        await other.begin(async (transaction) => {
          await transaction`lock table public.agents in access exclusive mode`;
          const started = performance.now();
          const replies = await Promise.all(Array.from({ length: 20 }, () => client.handshake(agent)));
          for (const reply of replies) assertUnavailable(reply);
          assert.ok(performance.now() - started < mostMs);
        });
        assert.equal((await client.handshake(agent)).status, 200);
      } finally {
        await other.end();
        await server.stop();
      }
    });
  } finally {
    await database.remove();
  }
});

disks.test(
  "a disk that is full or read-only → a sentence and exit code 1, and the data is as it was",
  async (_, test) => {
    await withDisk(async (disk) => {
      const data = join(disk, "fleet");
      await test.step("full at the first start → nothing that looks like a database is left", async () => {
        await shell(`mount -t tmpfs -o size=3m tmpfs ${disk}`);
        assertRefused(await tryServerProcess({ data, makesDatabase: true }), /No space left on device/);
        assert.deepEqual((await Array.fromAsync(Deno.readDir(data))).map(({ name }) => name), ["lock"]);
        await shell(`umount ${disk} && mount -t tmpfs -o size=80m tmpfs ${disk}`);
      });
      const server = await startServerProcess({ data, makesDatabase: true });
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent();
      await test.step("full while it runs → unavailable, never a 401, and back when there is room", async () => {
        await fill(disk);
        assertUnavailable(await firstFailure(client));
        await Deno.remove(join(disk, "fill"));
        assert.equal((await client.handshake(agent)).status, 200);
      });
      await server.stop();
      for (
        const [what, begin, end, reason] of [
          ["full", () => fill(disk), () => Deno.remove(join(disk, "fill")), /No space left on device/],
          ["read-only", () => remount(disk, "ro"), () => remount(disk, "rw"), /Read-only file system/],
        ] as const
      ) {
        await test.step(`${what} at a later start → refused, and afterwards all is there`, async () => {
          await begin();
          assertRefused(await tryServerProcess({ data }), reason);
          await end();
          const again = await startServerProcess({ data });
          assert.equal((await new FleetClient(again.base, again.operatorKey).handshake(agent)).status, 200);
          await again.stop();
        });
      }
    });
  },
);

Deno.test("a data folder that a newer version migrated → refused, and its data is as it was", async () => {
  await withFolder(async (data) => {
    await copyDatabaseTemplate(data);
    const { PGlite } = await import("@electric-sql/pglite");
    const history = "supabase_migrations.schema_migrations";
    const future = await PGlite.create({ dataDir: join(data, "postgres") });
    await future.exec(`insert into ${history} (version, name) values ('29991231000000', 'openclaw_later')`);
    const count = `select count(*) from ${history}`;
    const before = (await future.query(count)).rows;
    await future.close();
    assertRefused(await tryServerProcess({ data }), /a newer openclaw has migrated it to 29991231000000/);
    const after = await PGlite.create({ dataDir: join(data, "postgres") });
    assert.deepEqual((await after.query(count)).rows, before);
    await after.close();
  });
});

// One server makes the snapshot that all of them begin with.
Deno.test("an embedded Postgres is restored from its newest snapshot that is whole", async (test) => {
  await withFolder(async (data) => {
    assertRefused(await tryServerProcess({ data, args: ["--restore"] }), /there is no snapshot/);
    const first = await startServerProcess({ data });
    const agent = await new FleetClient(first.base, first.operatorKey).createAgent({ name: "kept" });
    await first.stop();

    for (
      const [how, damage] of [
        ["cut", (whole: Uint8Array) => whole.slice(0, whole.length / 2)],
        ["empty", () => new Uint8Array()],
        ["not an archive", () => new TextEncoder().encode("not an archive")],
      ] as const
    ) {
      await test.step(`a snapshot that is ${how} → it is named, and nothing changes`, () =>
        isNamed(data, damage));
    }
    await test.step("a folder that does not open → names the snapshot, and --restore takes it", async () => {
      await Deno.writeTextFile(join(data, "postgres", "global", "pg_control"), "broken");
      const refused = await tryServerProcess({ data });
      assertRefused(refused, /it is damaged/);
      assert.match(refused.stderr, /--restore .*"[^"]+snapshots[^"]+\.tar\.gz"/);
      await isRestored(data, agent);
      assert.ok((await names(data)).some((name) => name.startsWith("postgres.before-restore-")));
    });
    await test.step("killed between its two renames → no empty fleet, and --restore goes on", async () => {
      await Deno.rename(join(data, "postgres"), join(data, "postgres.before-restore-now"));
      await Deno.mkdir(join(data, "postgres.restored"));
      const refused = await tryServerProcess({ data });
      assertRefused(
        refused,
        /Cannot find the embedded Postgres "[^"]+postgres", although there is a snapshot of it/,
      );
      assert.match(refused.stderr, /hint: start with --restore .*"[^"]+snapshots[^"]+\.tar\.gz"/);
      await isRestored(data, agent);
    });
  });
});

async function isNamed(data: string, damage: (whole: Uint8Array) => Uint8Array): Promise<void> {
  const snapshots = join(data, "snapshots");
  const [whole = assert.fail()] = await names(snapshots);
  const damaged = join(snapshots, "99999999-2026-11-23T00-00-00.000Z.tar.gz");
  await Deno.writeFile(damaged, damage(await Deno.readFile(join(snapshots, whole))));
  const before = await names(data);
  assertRefused(
    await tryServerProcess({ data, args: ["--restore"] }),
    /Cannot restore the snapshot "[^"]+9999-[^"]+": it is damaged, or not a snapshot/,
  );
  assert.deepEqual(await names(data), before);
  // As the hint says; the next restore takes the one before it.
  await Deno.rename(damaged, `${damaged}.damaged`);
}

async function isRestored(data: string, agent: CreatedAgent): Promise<void> {
  await using restored = await startServerProcess({ data, args: ["--restore"] });
  const client = new FleetClient(restored.base, restored.operatorKey);
  assert.equal((await client.agent(agent.id)).name, "kept");
  assert.equal((await client.handshake(agent)).status, 200);
}

Deno.test("snapshots: one at each clean stop after a change, none without one, and the last three are kept", async () => {
  await withFolder(async (data) => {
    const snapshots = join(data, "snapshots");
    const run = async (work: (client: FleetClient) => Promise<unknown>): Promise<string[]> => {
      const server = await startServerProcess({ data });
      await work(new FleetClient(server.base, server.operatorKey));
      assert.equal(await server.stop(), 0);
      return await names(snapshots);
    };
    const [first = assert.fail(), ...more] = await run((client) => client.createAgent());
    assert.deepEqual(more, []);
    const { mode } = await Deno.stat(join(snapshots, first));
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await run(() => Promise.resolve()), [first], "nothing changed");
    const earlier = [1, 2].map((day) => `2026-01-0${day}T00-00-00.000Z.tar.gz`);
    for (const name of earlier) await Deno.copyFile(join(snapshots, first), join(snapshots, name));
    const kept = await run((client) => client.createAgent());
    // One without a number is older than all others.
    assert.deepEqual(kept.filter((name) => earlier.includes(name) || name === first), [first, earlier[1]]);
    assert.equal(kept.length, 3);
  });
});

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

async function outage(
  server: ServerProcess,
  database: { halt: (mode: "fast" | "immediate") => Promise<void>; start: () => Promise<void> },
  mode: "fast" | "immediate",
): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  const token = await client.session(await client.createAgent());
  const seen = new Map<number, number>();
  let slowest = 0;
  let loading = true;
  const load = Array.from({ length: 16 }, async () => {
    while (loading) {
      const started = performance.now();
      const reply = await client.beat(token);
      slowest = Math.max(slowest, performance.now() - started);
      seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
      if (reply.status === 503) assertUnavailable(reply);
    }
  });
  await until("50 beats", () => (seen.get(200) ?? 0) > 50);
  await database.halt(mode);
  await until("16 refusals", () => (seen.get(503) ?? 0) > 16);
  await database.start();
  const good = seen.get(200) ?? 0;
  await until("50 beats more", () => (seen.get(200) ?? 0) > good + 50);
  loading = false;
  await Promise.all(load);
  assert.deepEqual([...seen.keys()].sort(), [200, 503]);
  assert.ok(slowest < mostMs, `the slowest reply took ${slowest} ms`);
  assert.equal((await send(`${server.base}/health`)).status, 200, server.output.stdout.slice(-500));
}

async function frozen(server: ServerProcess, line: Freezable): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  const token = await client.session(await client.createAgent());
  line.freeze();
  const started = performance.now();
  const replies = await Promise.all(Array.from({ length: 1000 }, () => client.beat(token)));
  const took = performance.now() - started;
  for (const reply of replies) assertUnavailable(reply);
  assert.ok(took < mostMs, `the last of 1000 took ${took} ms`);
  // How long it waits, whatever else this machine does.
  assert.match(server.output.stdout, /no reply within 4 s/);
  line.thaw();
  await until("a beat", async () => (await client.beat(token)).status === 200);
}

/** A line to Postgres that can be made to say nothing more, and to take nobody new. */
interface Freezable {
  port: number;
  freeze: () => void;
  thaw: () => void;
  close: () => void;
}

async function freezable(target: number): Promise<Freezable> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const server = createServer((near) => {
    if (isFrozen) return near.destroy();
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from);
      from.on("data", (bytes) => void (isFrozen || to.write(bytes)));
      from.on("close", () => to.destroy());
      // The other side hears of it by its close.
      from.on("error", () => undefined);
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    freeze: () => void (isFrozen = true),
    thaw: () => void (isFrozen = false),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function assertUnavailable(reply: Awaited<ReturnType<typeof send>>): void {
  assertError(reply, "unavailable", 503);
  assert.match(reply.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

function assertRefused(start: ServerProcess | RefusedStart, reason: RegExp): asserts start is RefusedStart {
  assert.ok("code" in start, "it started");
  assert.equal(start.code, 1);
  assert.equal(start.stdout, "");
  assert.match(start.stderr, /^error: Cannot [^\n]+\nhint: [^\n]+\n$/);
  assert.match(start.stderr, reason);
}

async function firstFailure(client: FleetClient): Promise<Awaited<ReturnType<typeof send>>> {
  const labels = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`label${index}`, "x".repeat(250)]),
  );
  for (let index = 0; index < 2000; index++) {
    const body = { name: `agent ${index}`, labels };
    const reply = await send(`${client.base}/create-agent`, { headers: client.operator, body });
    if (reply.status !== 201) return reply;
  }
  throw new Error("The disk did not fill");
}

/** A folder to mount a disk of a few MB on; unmounted at the end. */
async function withDisk(work: (disk: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const disk = join(folder, "disk");
    await Deno.mkdir(disk);
    try {
      await work(disk);
    } finally {
      await shell(`umount ${disk}`);
    }
  });
}

async function fill(disk: string): Promise<void> {
  await shell(`dd if=/dev/zero of=${disk}/fill bs=1k || test -s ${disk}/fill`);
}

async function remount(disk: string, how: "ro" | "rw"): Promise<void> {
  await shell(`mount -o remount,${how} ${disk}`);
}

async function shell(line: string): Promise<void> {
  const { success } = await new Deno.Command("sh", { args: ["-c", line], stdout: "null", stderr: "null" })
    .output();
  assert.ok(success, line);
}
