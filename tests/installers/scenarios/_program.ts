import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { withFront } from "../_front.ts";
import { digest, foreignProgram, type Scenario, type Scene, standIn, untouched } from "../_scene.ts";

/** What all installers are held to: which program is installed. */
export const program: Scenario[] = [
  { name: "a binary with its checksum is installed, one with another is not", work: binary },
  { name: "a binary without a checksum is refused, but for one that a file beside it has", work: checksums },
  { name: "run again without any option, a binary stays the program", work: keptBinary },
  { name: "a program that breaks off while it is read is undone", work: cutFile },
  { name: "a download that is cut off is undone", work: cutDownload },
  { name: "a program that was changed is not replaced, and stays when the rest is removed", work: changed },
];

async function binary({ host, fleet, url }: Scene): Promise<void> {
  const { path, sum, page } = await standIn(host);
  const agent = await fleet.createAgent();
  await withFront((request) => new Response(page(request)), async (front) => {
    const args = ["--binary-url", `${front}/there/openclaw`, "--sha256"];
    await untouched(
      host,
      () => host.install(agent, url, { args: [...args, "0".repeat(64)] }),
      1,
      /Cannot verify "openclaw"/,
    );
    await untouched(
      host,
      () => host.install(agent, url, { args: ["--binary-url", `${front}/no`, "--sha256", sum] }),
      1,
      /Cannot/,
    );
    assertEnded(await host.install(agent, url, { args: [...args, sum.toUpperCase()] }), 0);
  });
  assert.equal(await Deno.readTextFile(host.program), await Deno.readTextFile(path));
  assert.equal((await Deno.stat(host.program)).mode ?? 0 & 0o777, 0o100755);
  assert.match(await Deno.readTextFile(host.manifest), /"program": "binary"/);
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), {});
}

async function cutFile({ host, fleet, url }: Scene): Promise<void> {
  // A file that is there, and whose first byte nobody can read.
  const args = ["--binary", "/proc/self/mem", "--sha256", "0".repeat(64)];
  const ended = await host.install(await fleet.createAgent(), url, { args });
  const message = 'error: Cannot read "mem": it breaks off\nhint: look at the disk that it is on\n';
  assertEnded(ended, 1);
  assert.ok(ended.stderr.endsWith(`what was done has been undone\n${message}`), ended.stderr);
  assert.deepEqual(await host.tree(), {});
}

async function checksums({ host, fleet, url }: Scene): Promise<void> {
  const { path, sum, page } = await standIn(host);
  const agent = await fleet.createAgent();
  const from = ["--binary", path];
  await untouched(host, () => host.install(agent, url, { args: from }), 2, /its SHA-256 is not known/);
  await untouched(
    host,
    () => host.install(agent, url, { args: ["--binary-url", "https://127.0.0.1:1/openclaw"] }),
    2,
    /not known/,
  );
  await Deno.writeTextFile(join(dirname(path), "SHA256SUMS"), `${"0".repeat(64)}  openclaw\n`);
  await untouched(host, () => host.install(agent, url, { args: from }), 1, /Cannot verify/);
  await Deno.writeTextFile(join(dirname(path), "SHA256SUMS"), `${"0".repeat(64)}  other\n${sum}  openclaw\n`);
  assertEnded(await host.install(agent, url, { args: from }), 0);
  await Deno.writeTextFile(path, "#!/bin/sh\nexit 3\n");
  const broken = await digest(path);
  await untouched(
    host,
    () => host.install(agent, url, { args: [...from, "--sha256", broken] }),
    1,
    /Cannot run "openclaw" on/,
  );
  await withFront((request) => new Response(page(request)), async (front) => {
    assertEnded(
      await host.install(agent, url, { args: ["--binary-url", `${front}/openclaw`] }),
      0,
      /nothing had/,
    );
  });
}

async function keptBinary({ host, fleet, url }: Scene): Promise<void> {
  const { path, sum } = await standIn(host);
  const args = ["--binary", path, "--sha256", sum];
  assertEnded(await host.install(await fleet.createAgent(), url, { args }), 0);
  await untouched(host, () => host.run([]), 0, /nothing had to be changed/);
  await Deno.remove(host.program);
  assertEnded(await host.run([]), 0);
  assert.match(await Deno.readTextFile(host.manifest), /"program": "script"/);
}

async function cutDownload({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const { sum } = await standIn(host);
  const replies = [
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n#!/bin/sh\necho 0.1.0\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n15\r\n#!/bin/sh\necho 0.1.0\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    "nonsense\r\n",
    "",
  ];
  for (const reply of some(replies)) {
    await withRaw(reply, async (front) => {
      const args = ["--binary-url", `${front}/openclaw`, "--sha256", sum];
      await untouched(
        host,
        () => host.install(agent, url, { args }),
        6,
        /\nerror: Cannot fetch "openclaw": ./,
      );
    });
  }
}

/** Something that says the same to everybody, and hangs up. */
async function withRaw(reply: string, work: (url: string) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(reply));
      connection.close();
    }
  })();
  try {
    await work(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    await served;
  }
}

async function changed({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  await Deno.writeTextFile(host.program, "# by hand\n", { append: true });
  await untouched(host, () => host.run([]), 5, foreignProgram);
  const ended = await host.run(["--uninstall"]);
  assertEnded(ended, 0);
  assert.ok(ended.stdout.includes(`kept, because it was changed: ${host.program}\n`), ended.stdout);
  assert.ok(!ended.stdout.includes(`removed ${host.program}\n`), ended.stdout);
  const left = Object.values(await host.tree()).filter((text) => text !== "");
  assert.equal(left.length, 1);
  assert.match(left[0] ?? "", /# by hand\n$/);
}
