import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataFolder } from "../../cli/serve/data_folder.ts";
import { StartError } from "../../cli/serve/start_error.ts";
import { calledAs } from "../../cli/terminal/called.ts";
import { makeCertificate } from "../_support/certificate.ts";
import { FleetClient, send } from "../_support/client.ts";
import { copyDatabaseTemplate } from "../_support/database_template.ts";
import { assertPartly } from "../_support/partly.ts";
import { startServerProcess, tryServerProcess, withFolderInMemory } from "../_support/server.ts";
import { startServerHere } from "../_support/server_here.ts";
import { testWith } from "../_support/tools.ts";

Deno.test("a first start makes its folder and files for its user alone, and tells the way on", async () => {
  await withFolderInMemory(async (folder) => {
    const data = join(folder, "fleet");
    await using server = await startServerProcess({ data, makesDatabase: true });
    assert.equal(await mode(data), 0o700);
    for (const file of ["operator-key", "reader-key", "jwt-keys.json", "lock", "url"]) {
      assert.equal(await mode(join(data, file)), 0o600, file);
    }
    const { stderr } = server.output;
    const keys = [join(data, "operator-key"), join(data, "reader-key")];
    const asOperator = `OPENCLAW_OPERATOR_KEY_FILE='${keys[0]}' ${calledAs}`;
    const steps = ["agents create first", "fleet"].map((step) =>
      `${asOperator} ${step} --url ${server.url}\n`
    );
    for (const words of [server.url, ...keys, ...steps]) {
      assert.ok(stderr.includes(words), `${words} is not in ${stderr}`);
    }
    assert.equal(await Deno.readTextFile(join(data, "url")), `${server.url}\n`);
    for (const key of keys) {
      const secret = (await Deno.readTextFile(key)).trim();
      assert.ok(!stderr.includes(secret) && !server.output.stdout.includes(secret), key);
    }
  });
});

Deno.test("a second server on the same data folder, or on the same port → refused with a sentence, and nothing is made", async () => {
  await withFolderInMemory(async (folder) => {
    const [data, other] = [join(folder, "a"), join(folder, "b")];
    await using first = await startServerHere({ data });
    const { port } = new URL(first.url);
    const seconds: [start: Parameters<typeof tryServerProcess>[0], message: RegExp][] = [
      [{ data }, /^error: Cannot use the data folder "[^"]+": another server is using it\nhint: /],
      [
        { data: other, args: ["--port", port], makesDatabase: true },
        /^error: Cannot listen on 127\.0\.0\.1 port \d+: something else is listening there\nhint: /,
      ],
    ];
    for (const [start, message] of seconds) {
      const second = await tryServerProcess(start);
      assert.ok("code" in second);
      assert.equal(second.code, 5);
      assert.match(second.stderr, message);
    }
    assert.equal((await send(`${first.base}/health`)).status, 200, "the first goes on");
    assert.deepEqual(await names(other), ["lock"], "it made what it had no use for");
    (await openDataFolder(other)).release();
  });
});

Deno.test("a later start counts the agents, and tells no way on", async () => {
  await withFolderInMemory(async (data) => {
    const first = await startServerProcess({ data });
    const fleet = new FleetClient(first.base, first.operatorKey);
    const beating = await fleet.createAgent();
    await fleet.createAgent();
    assert.equal((await fleet.beat(await fleet.session(beating))).status, 200);
    await first.stop("SIGKILL");
    const second = await startServerProcess({ data });
    await second.stop("SIGKILL");
    assert.match(second.output.stderr, /\n2 agents: 1 online, 1 pending\n/);
    assert.match(
      second.output.stderr,
      /\na browser shows the fleet at http:\/\/127\.0\.0\.1:\d+, to whoever logs in /,
    );
    assert.ok(!second.output.stderr.includes("Create an agent"), second.output.stderr);
  });
});

Deno.test("a key that others can read → no start, with the command that mends it, and the folder is given back", async () => {
  await withFolderInMemory(async (data) => {
    const key = join(data, "operator-key");
    await copyDatabaseTemplate(data);
    await Deno.writeTextFile(key, `sb_secret_${"a".repeat(43)}\n`);
    await Deno.chmod(key, 0o640);
    await assert.rejects(startServerHere({ data }), (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /its mode is 0\d+, which lets others read or change it/);
      assert.equal(error.hint, `chmod 600 '${key}'`);
      return true;
    });
    (await openDataFolder(data)).release();
    assert.ok(!(await names(data)).includes("snapshots"), "a start that fails takes no snapshot");
  });
});

Deno.test("starts, restores and snapshots that were killed half-way → the next start removes what they left", async () => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    const folders = ["postgres.unfinished", "postgres.restored", "postgres.restored.unfinished"];
    for (const folder of folders) {
      await Deno.mkdir(join(data, folder, "base"), { recursive: true });
      await Deno.writeTextFile(join(data, folder, "PG_VERSION"), "18\n");
    }
    await Deno.writeTextFile(join(data, "postgres.probe"), "0");
    await Deno.mkdir(join(data, "snapshots", "unpacked", "base"), { recursive: true });
    await Deno.writeTextFile(join(data, "snapshots", `2026-11-23.tar.gz.${crypto.randomUUID()}`), "half");
    {
      await using server = await startServerHere({ data });
      assert.deepEqual(await names(join(data, "snapshots")), []);
      await new FleetClient(server.base, server.operatorKey).createAgent();
    }
    assert.deepEqual(
      await names(data),
      ["jwt-keys.json", "lock", "operator-key", "postgres", "reader-key", "snapshots", "url"],
    );
  });
});

Deno.test("a data folder that others can enter → stays as it is, and what is made in it is closed to them", async () => {
  await withFolderInMemory(async (folder) => {
    const data = join(folder, "fleet");
    await Deno.mkdir(data);
    await Deno.chmod(data, 0o755);
    {
      await using first = await startServerHere({ data });
      assert.equal(await mode(join(data, "postgres")), 0o700);
      await new FleetClient(first.base, first.operatorKey).createAgent();
    }
    const made = ["postgres", "postgres.before-restore-earlier", "snapshots"].map((name) => join(data, name));
    await Deno.mkdir(join(data, "postgres.before-restore-earlier"));
    for (const path of made) await Deno.chmod(path, 0o755);
    await (await startServerHere({ data }))[Symbol.asyncDispose]();
    for (const path of made) assert.equal(await mode(path), 0o700, path);
    assert.equal(await mode(data), 0o755);
  });
});

testWith(["openssl", "curl"], "--tls-cert and --tls-key → the same service over https", async () => {
  await withFolderInMemory(async (folder) => {
    const { authority, paths: { cert, key } } = await makeCertificate(folder);
    const server = await startServerProcess({
      data: join(folder, "data"),
      args: ["--tls-cert", cert, "--tls-key", key],
    });
    try {
      assert.match(server.url, /^https:/);
      const url = `${server.url.replace("127.0.0.1", "localhost")}/functions/v1/health`;
      const health: unknown = JSON.parse(await shell(`curl --silent --cacert '${authority}' ${url}`));
      assertPartly(health, { ok: true, version: "0.1.0", database: "ok" });
    } finally {
      await server.stop("SIGKILL");
    }
  });
});

testWith(
  ["openssl"],
  "a certificate without its key, files that are none, and files that do not exist → refused",
  async () => {
    await withFolderInMemory(async (folder) => {
      const { cert, key } = (await makeCertificate(folder)).paths;
      const text = join(folder, "text");
      await Deno.writeTextFile(text, "no PEM");
      for (
        const args of [["--tls-cert", cert], ["--tls-key", key], ["--tls-cert", text, "--tls-key", text], [
          "--tls-cert",
          "x",
          "--tls-key",
          key,
        ]]
      ) {
        const refused = await tryServerProcess({ data: join(folder, "data"), args });
        assert.ok("code" in refused, args.join(" "));
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /^error: Cannot .*\nhint: /);
      }
    });
  },
);

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

async function mode(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

async function shell(line: string, input = ""): Promise<string> {
  const child = new Deno.Command("sh", { args: ["-c", line], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}
