import assert from "node:assert/strict";
import { join } from "node:path";
import { calledAs } from "../../cli/terminal/called.ts";
import { makeCertificate } from "../_support/certificate.ts";
import { FleetClient, send } from "../_support/client.ts";
import { startServerProcess, tryServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

Deno.test("a first start makes its folder and files for its user alone, and tells the way on", async () => {
  await withFolder(async (folder) => {
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

Deno.test("a second server on the same data folder → refused with a sentence, and the first goes on", async () => {
  await withFolder(async (data) => {
    const first = await startServerProcess({ data });
    try {
      const second = await tryServerProcess({ data });
      assert.ok("code" in second);
      assert.equal(second.code, 5);
      assert.match(
        second.stderr,
        /^error: Cannot use the data folder "[^"]+": another server is using it\nhint: /,
      );
      assert.equal((await send(`${first.base}/health`)).status, 200);
    } finally {
      await first.stop("SIGKILL");
    }
  });
});

Deno.test("a second server on the same port → refused with a sentence, and its folder is given back", async () => {
  await withFolder(async (folder) => {
    const first = await startServerProcess({ data: join(folder, "a") });
    const { port } = new URL(first.url);
    try {
      const second = await tryServerProcess({
        data: join(folder, "b"),
        args: ["--port", port],
        makesDatabase: true,
      });
      assert.ok("code" in second);
      assert.equal(second.code, 5);
      assert.match(
        second.stderr,
        /^error: Cannot listen on 127\.0\.0\.1 port \d+: something else is listening there\nhint: /,
      );
      const made = (await Array.fromAsync(Deno.readDir(join(folder, "b")))).map(({ name }) => name);
      assert.deepEqual(
        made.filter((name) => /postgres|key/.test(name)),
        [],
        "it made what it had no use for",
      );
    } finally {
      await first.stop("SIGKILL");
    }
    assert.equal(await (await startServerProcess({ data: join(folder, "b") })).stop(), 0);
  });
});

Deno.test("a later start counts the agents, and tells no way on", async () => {
  await withFolder(async (data) => {
    const first = await startServerProcess({ data });
    const fleet = new FleetClient(first.base, first.operatorKey);
    const beating = await fleet.createAgent();
    await fleet.createAgent();
    assert.equal((await fleet.beat(await fleet.session(beating))).status, 200);
    await first.stop("SIGKILL");
    const second = await startServerProcess({ data });
    await second.stop("SIGKILL");
    assert.match(second.output.stderr, /\n2 agents: 1 online, 1 pending\n/);
    assert.ok(!second.output.stderr.includes("Create an agent"), second.output.stderr);
  });
});

Deno.test("a key that others can read → refused, with the command that mends it", async () => {
  await withFolder(async (data) => {
    const key = join(data, "operator-key");
    await Deno.writeTextFile(key, `sb_secret_${"a".repeat(43)}\n`);
    await Deno.chmod(key, 0o640);
    const refused = await tryServerProcess({ data });
    assert.ok("code" in refused);
    assert.match(
      refused.stderr,
      /its mode is 0\d+, which lets others read or change it\nhint: chmod 600 '[^']+operator-key'/,
    );
  });
});

Deno.test("starts, restores and snapshots that were killed half-way → the next start removes what they left", async () => {
  await withFolder(async (data) => {
    const folders = ["postgres.unfinished", "postgres.restored", "postgres.restored.unfinished"];
    for (const folder of folders) {
      await Deno.mkdir(join(data, folder, "base"), { recursive: true });
      await Deno.writeTextFile(join(data, folder, "PG_VERSION"), "18\n");
    }
    await Deno.writeTextFile(join(data, "postgres.probe"), "0");
    await Deno.mkdir(join(data, "snapshots"));
    await Deno.writeTextFile(join(data, "snapshots", `2026-11-23.tar.gz.${crypto.randomUUID()}`), "half");
    const server = await startServerProcess({ data });
    assert.deepEqual(await names(join(data, "snapshots")), []);
    await new FleetClient(server.base, server.operatorKey).createAgent();
    assert.equal(await server.stop(), 0);
    assert.deepEqual(
      await names(data),
      ["jwt-keys.json", "lock", "operator-key", "postgres", "reader-key", "snapshots", "url"],
    );
  });
});

Deno.test("a data folder that others can enter → stays as it is, and what is made in it is closed to them", async () => {
  await withFolder(async (folder) => {
    const data = join(folder, "fleet");
    await Deno.mkdir(data);
    await Deno.chmod(data, 0o755);
    const first = await startServerProcess({ data });
    assert.equal(await mode(join(data, "postgres")), 0o700);
    await new FleetClient(first.base, first.operatorKey).createAgent();
    await first.stop();
    const made = ["postgres", "postgres.before-restore-earlier", "snapshots"].map((name) => join(data, name));
    await Deno.mkdir(join(data, "postgres.before-restore-earlier"));
    for (const path of made) await Deno.chmod(path, 0o755);
    await (await startServerProcess({ data })).stop();
    for (const path of made) assert.equal(await mode(path), 0o700, path);
    assert.equal(await mode(data), 0o755);
  });
});

testWith(["openssl", "curl"], "--tls-cert and --tls-key → the same service over https", async () => {
  await withFolder(async (folder) => {
    const { authority, paths: { cert, key } } = await makeCertificate(folder);
    const server = await startServerProcess({
      data: join(folder, "data"),
      args: ["--tls-cert", cert, "--tls-key", key],
    });
    try {
      assert.match(server.url, /^https:/);
      const url = `${server.url.replace("127.0.0.1", "localhost")}/functions/v1/health`;
      const health: unknown = JSON.parse(await shell(`curl --silent --cacert '${authority}' ${url}`));
      assert.deepEqual(health, { ok: true, version: "0.1.0", database: "ok" });
    } finally {
      await server.stop("SIGKILL");
    }
  });
});

testWith(
  ["openssl"],
  "a certificate without its key, files that are none, and files that do not exist → refused",
  async () => {
    await withFolder(async (folder) => {
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
        const refused = await tryServerProcess({ data: join(folder, "data"), args, makesDatabase: true });
        assert.ok("code" in refused, args.join(" "));
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /^error: Cannot .*\nhint: /);
      }
    });
  },
);

for (const args of [["--port", "70000"], ["--port", "http"], ["--nonsense"]]) {
  Deno.test(`serve ${args.join(" ")} → wrong usage, exit code 2, nothing made`, async () => {
    await withFolder(async (folder) => {
      const refused = await tryServerProcess({ data: join(folder, "data"), args, makesDatabase: true });
      assert.ok("code" in refused);
      assert.equal(refused.code, 2);
      assert.equal(refused.stdout, "");
      assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    });
  });
}

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
