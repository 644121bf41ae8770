import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { assertError, FleetClient, send } from "../_support/client.ts";
import { copyDatabaseTemplate } from "../_support/database_template.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { isInstalled } from "../_support/tools.ts";
import {
  folderInMemory,
  type RefusedStart,
  type ServerProcess,
  startServerProcess,
  tryServerProcess,
  withFolderInMemory,
} from "../_support/server.ts";
import { type ServerHere, startServerHere } from "../_support/server_here.ts";
import { withSql } from "../_support/sql.ts";
import { pause, until } from "../_support/wait.ts";

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

/** How a server speaks to Postgres: directly, and as behind a transaction pooler. */
const ways = ["", "?prepare=false"];

realPostgres.test("Postgres that goes away", async (bin, test) => {
  await using database = await startPostgres(bin);
  await using folder = await folderInMemory();
  const addresses = await Promise.all(ways.map(async (way) => `${await database.createDatabase()}${way}`));

  await test.step(
    "stopped under load → 503, none after another, and back by itself when it returns, directly and as behind a transaction pooler",
    async () => {
      await using started = new AsyncDisposableStack();
      const servers: ServerProcess[] = [];
      for (const [index, url] of addresses.entries()) {
        const data = join(folder.path, `stopped-${index}`);
        servers.push(started.use(await startServerProcess({ data, env: { DATABASE_URL: url } })));
      }
      for (const mode of ["fast", "immediate"] as const) await outage(servers, database, mode);
      for (const server of servers) assert.equal(await server.stop(), 0);
    },
  );

  for (const [index, beats] of [1000, 100].entries()) {
    const url = addresses[index] ?? "";
    const how = index === 0 ? "" : ", behind a transaction pooler";
    await test.step(
      `frozen, and taking no more connections${how} → ${beats} beats at once are 503, none after another, and it comes back`,
      async () => {
        using line = await freezable(database.port);
        const databaseUrl = url.replace(`:${database.port}/`, `:${line.port}/`);
        await using server = await startServerHere({
          data: join(folder.path, `frozen-${index}`),
          databaseUrl,
        });
        await frozen(server, line, beats);
      },
    );
  }

  await test.step("accepting and never answering → 503, none after another", async () => {
    const [url = ""] = addresses;
    await using server = await startServerHere({ data: join(folder.path, "silent"), databaseUrl: url });
    const client = new FleetClient(server.base, server.operatorKey);
    const agent = await client.createAgent();
    await withSql(url, async (sql) => {
      await sql.begin(async (transaction) => {
        await transaction`lock table public.agents in access exclusive mode`;
        const started = performance.now();
        const replies = await Promise.all(Array.from({ length: 20 }, () => client.handshake(agent)));
        for (const reply of replies) assertUnavailable(reply);
        assert.ok(performance.now() - started < mostMs);
      });
    });
    assert.equal((await client.handshake(agent)).status, 200);
  });
});

disks.test(
  "a disk that is full or read-only → a sentence and exit code 1, and the data is as it was",
  async (_, test) => {
    await withDisk(async (disk) => {
      const data = join(disk, "fleet");
      await test.step("full at the first start → nothing that looks like a database is left", async () => {
        await shell(`mount -t tmpfs -o size=3m tmpfs ${disk}`);
        assertRefused(await tryServerProcess({ data, makesDatabase: true }), /less than 24 MB are free/);
        assert.deepEqual((await Array.fromAsync(Deno.readDir(data))).map(({ name }) => name), ["lock"]);
        await shell(`umount ${disk} && mount -t tmpfs -o size=80m tmpfs ${disk}`);
      });
      await copyDatabaseTemplate(data);
      const server = await startServerProcess({ data });
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent();
      await test.step("nearly full while it runs → reads are answered, writes are unavailable, and back when there is room", async () => {
        await fill(disk, 20);
        const isTaken = async (): Promise<boolean> => (await client.handshake(agent)).status === 200;
        await until("writes to be refused", async () => !await isTaken());
        assertUnavailable(await client.handshake(agent));
        assert.equal((await client.agent(agent.id)).id, agent.id);
        await until("health to tell of it", async () => await healthOf(server.base) === 503);
        await Deno.remove(join(disk, "fill"));
        await until("writes to be taken again", isTaken);
        await until("health to be told again", async () => await healthOf(server.base) === 200);
      });
      await test.step("full while it runs → unavailable, never a 401, and back when there is room", async () => {
        await fill(disk);
        assertUnavailable(await firstFailure(client));
        await Deno.remove(join(disk, "fill"));
        await until("writes to be taken again", async () => (await client.handshake(agent)).status === 200);
      });
      await server.stop();
      for (
        const [what, begin, end, reason] of [
          [
            "full",
            () => fill(disk),
            () => Deno.remove(join(disk, "fill")),
            /less than 24 MB are free on its disk/,
          ],
          ["read-only", () => remount(disk, "ro"), () => remount(disk, "rw"), /Read-only file system/],
        ] as const
      ) {
        await test.step(`${what} at a later start → refused, and afterwards all is there`, async () => {
          await begin();
          assertRefused(await tryServerProcess({ data }), reason);
          await end();
          const again = await startServerProcess({ data });
          assert.equal((await new FleetClient(again.base, again.operatorKey).handshake(agent)).status, 200);
          await again.stop("SIGKILL");
        });
      }
    });
  },
);

Deno.test(
  "a folder that does not open → refused with the way on, and serve --restore takes the snapshot of the last stop",
  async () => {
    await withFolderInMemory(async (data) => {
      const first = await startServerHere({ data });
      const agent = await new FleetClient(first.base, first.operatorKey).createAgent({ name: "kept" });
      await first[Symbol.asyncDispose]();
      await Deno.writeTextFile(join(data, "postgres", "global", "pg_control"), "broken");
      const refused = await tryServerProcess({ data });
      assertRefused(refused, /it is damaged/);
      assert.match(refused.stderr, /--restore .*"[^"]+snapshots[^"]+\.tar\.gz"/);
      await using restored = await startServerProcess({ data, args: ["--restore"] });
      const client = new FleetClient(restored.base, restored.operatorKey);
      assert.equal((await client.agent(agent.id)).name, "kept");
      assert.equal((await client.handshake(agent)).status, 200);
    });
  },
);

/** What a server's agents got while Postgres went away. */
interface Load {
  seen: Map<number, number>;
  slowestMs: number;
}

async function outage(
  servers: ServerProcess[],
  database: { halt: (mode: "fast" | "immediate") => Promise<void>; start: () => Promise<void> },
  mode: "fast" | "immediate",
): Promise<void> {
  const end = new AbortController();
  const loads = servers.map((): Load => ({ seen: new Map(), slowestMs: 0 }));
  const over = Promise.all(servers.map((server, index) => load(server, loads[index], end.signal)));
  const counts = (status: number): number[] => loads.map(({ seen }) => seen.get(status) ?? 0);
  const more = async (status: number, least: number): Promise<void> => {
    const before = counts(status);
    await until(
      `${least} replies more with ${status}`,
      () => counts(status).every((count, index) => count > (before[index] ?? 0) + least),
    );
  };
  await more(200, 50);
  await database.halt(mode);
  await more(503, 16);
  await database.start();
  await more(200, 50);
  end.abort();
  await over;
  for (const { seen, slowestMs } of loads) {
    assert.deepEqual([...seen.keys()].sort(), [200, 503]);
    assert.ok(slowestMs < mostMs, `the slowest reply took ${slowestMs} ms`);
  }
  for (const { base, output } of servers) {
    assert.equal((await send(`${base}/health`)).status, 200, output.stdout.slice(-500));
  }
}

/** Sixteen beats at once, until the end. */
async function load(server: ServerProcess, load: Load | undefined, end: AbortSignal): Promise<void> {
  assert.ok(load !== undefined);
  const client = new FleetClient(server.base, server.operatorKey);
  const token = await client.session(await client.createAgent());
  const beatOn = async (): Promise<void> => {
    while (!end.aborted) {
      const started = performance.now();
      const reply = await client.beat(token);
      load.slowestMs = Math.max(load.slowestMs, performance.now() - started);
      load.seen.set(reply.status, (load.seen.get(reply.status) ?? 0) + 1);
      if (reply.status !== 503) continue;
      assertUnavailable(reply);
      await pause(20);
    }
  };
  await Promise.all(Array.from({ length: 16 }, beatOn));
}

async function frozen(server: ServerHere, line: Freezable, beats: number): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  const token = await client.session(await client.createAgent());
  line.freeze();
  const started = performance.now();
  const replies = await Promise.all(Array.from({ length: beats }, () => client.beat(token)));
  const took = performance.now() - started;
  for (const reply of replies) assertUnavailable(reply);
  assert.ok(took < mostMs, `the last of ${beats} took ${took} ms`);
  // How long it waits, whatever else this machine does.
  assert.match(server.lines.join("\n"), /no reply within 4 s/);
  line.thaw();
  await until("a beat", async () => (await client.beat(token)).status === 200);
}

/** A line to Postgres that can be made to say nothing more, and to take nobody new. */
interface Freezable extends Disposable {
  port: number;
  freeze: () => void;
  thaw: () => void;
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
    [Symbol.dispose]() {
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
  await withFolderInMemory(async (folder) => {
    const disk = join(folder, "disk");
    await Deno.mkdir(disk);
    try {
      await work(disk);
    } finally {
      await shell(`umount ${disk}`);
    }
  });
}

async function healthOf(base: string): Promise<number> {
  return (await send(`${base}/health`)).status;
}

/** @param left how many MB of it are left free */
async function fill(disk: string, left = 0): Promise<void> {
  const { bavail, bsize } = statfsSync(disk);
  const count = Math.ceil(bavail * bsize / 1024) - left * 1024;
  await shell(`dd if=/dev/zero of=${disk}/fill bs=1k count=${count} || test -s ${disk}/fill`);
}

async function remount(disk: string, how: "ro" | "rw"): Promise<void> {
  await shell(`mount -o remount,${how} ${disk}`);
}

async function shell(line: string): Promise<void> {
  const { success } = await new Deno.Command("sh", { args: ["-c", line], stdout: "null", stderr: "null" })
    .output();
  assert.ok(success, line);
}
