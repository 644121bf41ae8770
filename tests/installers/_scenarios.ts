import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CreatedAgent, type FleetClient, record, text } from "../_support/client.ts";
import { assertEnded, type Finished, Host, run } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import type { Random } from "../_support/seed.ts";
import { makeCertificate } from "../_support/certificate.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { pause } from "../_support/wait.ts";
import { formatManifest } from "../../cli/service/manifest.ts";
import { version } from "../../supabase/functions/_shared/version.ts";

/** What a scenario has at hand. */
export interface Scene {
  host: Host;
  fleet: FleetClient;
  /** The real server's address. */
  url: string;
  random: Random;
  /** At how many random moments it is killed. */
  kills: number;
  /** Which of the rows of a table are told. */
  some: <Row>(rows: Row[]) => Row[];
}

export interface Scenario {
  name: string;
  work: (scene: Scene) => Promise<void>;
  /** What it takes beside what the language does. */
  needs?: string[];
  /** Takes processes of its own, for what one PowerShell remembers from run to run, and for how a file is started. */
  own?: true;
}

/** What it takes to mount something over the home, for one run. */
export const rootsMounts = ["root", "unshare", "mount", "find"];

/** What all installers are held to, beside what they do with an enrollment code. */
export const scenarios: Scenario[] = [
  {
    name: "on a fresh home the agent is online, and the files are what they should be",
    work: fresh,
    own: true,
  },
  { name: "run twice, nothing changes", work: twice },
  { name: "run again without any option, what is missing is repaired", work: repaired },
  {
    name: "of two identities that a rotation left, the one that the server takes is used",
    work: betweenSecrets,
  },
  { name: "with credentials in the environment the agent is online", work: fromEnvironment },
  { name: "id and secret from two layers are refused", work: mixedLayers },
  {
    name: "other credentials than the installed ones are refused, and no file changes",
    work: otherCredentials,
  },
  { name: "a wrong secret is refused with 3, and nothing is touched", work: wrongSecret },
  { name: "a mistyped secret is refused without asking the server", work: mistypedSecret },
  { name: "a revoked agent is refused with 3, and nothing is touched", work: revoked },
  { name: "a server that is down is unreachable, and nothing is touched", work: down },
  { name: "a proxy's page instead of JSON is told apart, and nothing is touched", work: proxyPage },
  { name: "a redirect is not followed", work: redirected },
  { name: "a certificate that nobody signed is TLS's fault", work: untrusted, needs: ["openssl"] },
  { name: "JSON with other spacing and key order is read", work: otherJson },
  { name: "numbers and letters written in other ways that JSON has are read", work: otherNumbers },
  { name: "a time that no clock shows is no warning", work: oddTime },
  { name: "what a server says is shown without what a terminal acts on", work: plainWords },
  { name: "a proxy is never asked for a loopback address", work: proxied, own: true },
  { name: "a clock that is off is a warning with the offset", work: clockOff },
  { name: "a binary with its checksum is installed, one with another is not", work: binary },
  { name: "a binary without a checksum is refused, but for one that a file beside it has", work: checksums },
  { name: "run again without any option, a binary stays the program", work: keptBinary },
  { name: "a program that breaks off while it is read is undone", work: cutFile },
  { name: "a download that is cut off is undone", work: cutDownload },
  { name: "interrupted in a download, it ends at once and leaves nothing", work: interruptedDownload },
  { name: "somebody else's openclaw stays where it is", work: foreign },
  {
    name: "beside npm's openclaw it is installed, repeated and removed, and nothing of the other changes",
    work: beside,
  },
  {
    name: "what npm puts in our places later stays when ours is removed",
    work: replaced,
  },
  { name: "a folder in our place with another program's files is not taken", work: foreignFolder },
  { name: "a second name is made where nobody has it, and taken away again", work: secondName },
  { name: "another name stands in every place", work: otherName },
  { name: "a name that cannot be one is refused", work: badNames },
  { name: "a program that was changed is not replaced, and stays when the rest is removed", work: changed },
  { name: "a manifest that another user may have written is not believed", work: distrustedManifest },
  { name: "somebody else's openclaw.new and openclaw.old stay where they are", work: foreignVersions },
  { name: "somebody else's credentials file stays where it is", work: foreignCredentials },
  { name: "a dry run changes not one file", work: dryRun },
  {
    name: "uninstalled, nothing is left, and the server knows that the agent stopped",
    work: uninstalled,
    own: true,
  },
  { name: "a manifest that lists somebody else's file removes nothing", work: forgedManifest },
  {
    name: "an address in the credentials that a terminal would act on is neither shown nor asked",
    work: plantedUrl,
  },
  {
    name: "a line break in a folder's variable is refused: it would be a line of the unit",
    work: plantedFolder,
  },
  { name: "what is not installed cannot be uninstalled", work: notInstalled },
  { name: "a manifest that no installer wrote so is no order to remove anything", work: brokenManifest },
  { name: "what this user may not remove stays, and so does the manifest", work: notAllowed },
  { name: "help and version are answers, and nothing is touched", work: answers },
  { name: "wrong options are usage errors", work: wrongUsage },
  { name: "what the agent is to watch is on the line that starts it", work: watched },
  { name: "a missing tool is named, and nothing is touched", work: missingTool },
  { name: "without one of its tools it does not run on", work: eachToolMissing },
  { name: "without a folder for temporary files it goes online, or says so", work: noTemporaryFolder },
  { name: "a platform that is not known is no guess, but what to report", work: unknownPlatform },
  {
    name: "names with quotes, substitutions, backslashes and direction marks are shown and not run",
    work: names,
  },
  { name: "URLs that are none, or not encrypted, are refused", work: urls },
  { name: "a home with a space, quotes and a dollar sign is a home like any other", work: oddHome },
  {
    name: "killed at random moments and run again, it is installed, and uninstalled without a rest",
    work: killed,
    own: true,
  },
  { name: "interrupted, it undoes what it did", work: interrupted },
  { name: "interrupted while the server lets it wait, it ends at once", work: interruptedRequest },
  { name: "a server that does not call it online has it undone, modes of folders included", work: notOnline },
  { name: "a home whose name is not UTF-8 is refused", work: notUnicode },
  { name: "in a home that cannot be written to, nothing is touched", work: readOnly, needs: rootsMounts },
  { name: "on a disk that is full, nothing is left", work: diskFull, needs: rootsMounts },
];

async function fresh({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, `${url}/functions/v1/`), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  const files = await host.tree();
  assert.deepEqual(
    Object.keys(files).sort(),
    [
      `600 ${host.credentials}`,
      `600 ${host.manifest}`,
      `700 ${dirname(host.credentials)}`,
      `700 ${dirname(host.program)}`,
      `700 ${join(host.home, ".config")}`,
      `700 ${join(host.home, ".local")}`,
      `755 ${host.program}`,
    ].sort(),
  );
  assert.equal(files[`600 ${host.credentials}`], credentialsText(agent, url));
  assert.equal(files[`600 ${host.manifest}`], await manifestText(host, agent, url));
  assert.match(files[`755 ${host.program}`] ?? "", /^#!.*\n# Written by openclaw/);
}

export function credentialsText({ id, secret }: CreatedAgent, url: string): string {
  return `${JSON.stringify({ version: 1, url, agent_id: id, agent_secret: secret }, null, 2)}\n`;
}

/** What refuses a program that another one has written. */
const foreignProgram = /this installer did not write it: user \d+'s/;

async function manifestText(host: Host, { id }: CreatedAgent, url: string): Promise<string> {
  const bin = dirname(host.program);
  const state = dirname(host.credentials);
  const folders = [bin, dirname(bin), state, dirname(state)];
  const files = new Map([[host.program, [await digest(host.program)]], [host.credentials, null]]);
  const writtenBy = `install.${host.language.extension}`;
  return formatManifest({
    version,
    writtenBy,
    url,
    agentId: id,
    program: "script",
    service: "none",
    files,
    folders,
  });
}

async function twice({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, url), 0);
  const before = await host.tree();
  assertEnded(await host.install(agent, url), 0, /nothing had to be changed/);
  assert.deepEqual(await host.tree(), before);
}

async function repaired({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  // A program in the middle of a rotation keeps a second secret there, which is not the installer's to lose.
  const credentials = record(JSON.parse(await Deno.readTextFile(host.credentials)));
  const rotating = { ...credentials, next_agent_id: agentId, next_agent_secret: agentSecret };
  await Deno.writeTextFile(host.credentials, JSON.stringify(rotating, null, 2));
  const before = await host.tree();
  await Deno.remove(host.program);
  await Deno.writeTextFile(`${host.program}.openclaw-new`, "half of a program");
  assertEnded(await host.run([]), 0, /installed already/);
  assert.deepEqual(await host.tree(), before);
}

/** A program that was killed leaves two identities; the server takes the newer one, or the older one. */
async function betweenSecrets({ host, fleet, url }: Scene): Promise<void> {
  const first = await fleet.createAgent();
  assertEnded(await host.install(first, url), 0);
  const rotated = await fleet.createAgent();
  const stranger = { id: agentId, secret: agentSecret };
  const two = (older: CreatedAgent, newer: CreatedAgent): Promise<void> => {
    const next = { next_agent_id: newer.id, next_agent_secret: newer.secret };
    return Deno.writeTextFile(
      host.credentials,
      JSON.stringify({ ...record(JSON.parse(credentialsText(older, url))), ...next }, null, 2),
    );
  };
  await two(stranger, stranger);
  await untouched(host, host.run([]), 3, /unknown or revoked, or its secret is wrong/);
  await two(stranger, rotated);
  // By the identity that a file or an option has, too.
  await untouched(host, host.install(stranger, url, { args: ["--dry-run"] }), 0, /installed already/);
  assertEnded(await host.run([]), 0, new RegExp(`shook hands with .* \\(${rotated.id}\\)`));
  assert.equal(await Deno.readTextFile(host.credentials), credentialsText(rotated, url));
  assert.equal((await fleet.agent(rotated.id)).liveness, "online");
}

async function fromEnvironment({ host, fleet, url }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id.toUpperCase(), OPENCLAW_AGENT_SECRET: secret };
  assertEnded(await host.run([], { env }), 0);
  assert.equal((await fleet.agent(id)).liveness, "online");
  assert.equal(await Deno.readTextFile(host.credentials), credentialsText({ id, secret }, url));
}

async function mixedLayers({ host, fleet, url }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_SECRET: secret };
  await untouched(host, host.run(["--agent-id", id], { env }), 2, /given together/);
}

async function otherCredentials({ host, fleet, url }: Scene): Promise<void> {
  const first = await fleet.createAgent();
  assertEnded(await host.install(first, url), 0);
  const second = await fleet.createAgent();
  await untouched(host, host.install(second, url), 5, new RegExp(`for the agent ${first.id}`));
  assert.equal((await fleet.agent(second.id)).last_handshake_at, null);
}

async function wrongSecret({ host, fleet, url }: Scene): Promise<void> {
  const { id } = await fleet.createAgent();
  const { secret } = await fleet.createAgent();
  await untouched(host, host.install({ id, secret }, url), 3, /unknown or revoked, or its secret is wrong/);
}

async function mistypedSecret({ host, fleet, url, some }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const other = secret.endsWith("A") ? "B" : "A";
  const faults: [string, RegExp][] = [
    [secret.slice(0, -1), /has 53 characters/],
    [secret.slice(0, -1) + other, /checksum does not fit/],
    [`xcs_${secret.slice(4)}`, /not of the form/],
    [`${secret.slice(0, 20)}$${secret.slice(21)}`, /not of the form/],
  ];
  for (const [fault, message] of some(faults)) {
    const run = await untouched(host, host.install({ id, secret: fault }, url), 2, message);
    assert.ok(!`${run.stdout}${run.stderr}`.includes(fault.slice(8, 40)), "the secret is shown");
  }
}

async function revoked({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await fleet.revoke(agent.id);
  await untouched(host, host.install(agent, url), 3, /unknown or revoked/);
}

async function down({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await untouched(host, host.install(agent, `http://127.0.0.1:1`), 6, /Cannot reach http/);
}

async function proxyPage({ host, fleet, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const pages: [string, number][] = [
    ["<!doctype html><title>Sign in to the network</title>", 200],
    ['{"token": "x"', 200],
    ['{"ok": true}', 200],
    ['{"token": 5, "refresh_in": "a", "next_heartbeat_in": 0}', 200],
    ["[]", 200],
    [`{"token": "${"a".repeat(100_000)}", "refresh_in": 9, "next_heartbeat_in": 0}`, 200],
    ["", 200],
    ["<h1>Bad gateway</h1>", 502],
  ];
  for (const [page, status] of some(pages)) {
    await withFront(
      () => new Response(page, { status, headers: { "content-type": "text/html" } }),
      async (url) => {
        await untouched(host, host.install(agent, url), 6, /is not openclaw, perhaps a proxy's page/);
      },
    );
  }
}

async function redirected({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const there = (request: Request): Response => Response.redirect(url + new URL(request.url).pathname, 307);
  await withFront(there, async (front) => {
    await untouched(
      host,
      host.install(agent, front),
      6,
      /it redirects \(status 307\), and that is not followed/,
    );
  });
  assert.equal((await fleet.agent(agent.id)).last_handshake_at, null);
}

async function untrusted({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const tls = await makeCertificate(dirname(host.home));
  const late = new Date(Date.now() - 3_600_000).toUTCString();
  let date = {};
  await withFront(() => new Response("{}", { headers: date }), async (url) => {
    const { stderr } = await untouched(host, host.install(agent, url), 6, /TLS fails: .*certificate/i);
    assert.match(stderr, /^error: .*\nhint: .*\n$/);
    date = { date: late };
    await untouched(host, host.install(agent, url), 6, /TLS fails, and this host's clock is 36\d\d s ahead/);
  }, tls);
}

async function otherJson({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const turned = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries([...Object.entries(value).reverse().map(([key, inner]) => [key, turned(inner)]), [
        "unknown",
        [{ token: "no", ok: [] }, '\u2028"}', -1.5e3, null],
      ]])
      : value;
  const spaced = (body: unknown): string => `\n\t ${JSON.stringify(turned(body), null, "\t \r\n")}\r\n\n`;
  await withFront((request) => forward(request, url, spaced), async (front) => {
    assertEnded(await host.install(agent, front), 0);
  });
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
}

async function otherNumbers({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const shapes = ["-5", "1e999", "7e2", "0.5", "86400e0", "123456789012345678901234567890"];
  const odd = (body: Record<string, unknown>): string => {
    const shape = shapes.shift() ?? "5.7E1";
    const text = JSON.stringify({ ...body, next_heartbeat_in: 0 }).replace('"next_heartbeat_in":0', () => {
      return `"next_heartbeat_in":${shape}`;
    });
    return text.replace(/"(token|refresh_in|ok|liveness)"/g, (name) => name.replaceAll(/[a-e_]/g, escaped));
  };
  await withFront((request) => forward(request, url, odd), async (front) => {
    for (let time = 0; time < 3; time++) assertEnded(await host.install(agent, front), 0);
  });
  assert.deepEqual(shapes, []);
  const credentials = await Deno.readTextFile(host.credentials);
  await Deno.writeTextFile(host.credentials, credentials.replace("ocs_", "ocs\\u005F"));
  await withFront((request) => forward(request, url, JSON.stringify), async (front) => {
    await untouched(host, host.run(["--url", front, "--dry-run"]), 5, /has other credentials/);
  });
  assertEnded(await host.install(agent, JSON.parse(credentials).url, { args: ["--dry-run"] }), 6);
}

/** As JSON may write a letter. */
function escaped(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

async function oddTime({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const time of some(["999999-01-01T00:00:00Z", "2026", "", "now", "$(id)", 7])) {
    const odd = (body: Record<string, unknown>): string => JSON.stringify({ ...body, server_time: time });
    await withFront((request) => forward(request, url, odd), async (front) => {
      const { stderr } = await untouched(host, host.install(agent, front, { args: ["--dry-run"] }), 0);
      assert.match(stderr, /^shook hands with .*\n$/);
    });
  }
}

async function plainWords({ host, fleet }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const error_description = "Cannot \u009b31m say \u202e it \u2066 \u200f \u007f é";
  const body = { error: "internal", error_description };
  await withFront(() => Response.json(body, { status: 500 }), async (front) => {
    const { stderr } = await untouched(host, host.install(agent, front), 6);
    assert.ok(stderr.includes("the server answers 500 internal: Cannot ?31m say ? it ? ?  é\n"), stderr);
  });
}

/** A proxy has another loopback, and an address without TLS would show it the secret. */
async function proxied({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const { sum, page } = await standIn(host);
  let asked = 0;
  await withFront(() => (asked++, new Response("a proxy")), async (proxy) => {
    const env: Record<string, string> = {};
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]) {
      env[name] = proxy;
    }
    await withFront((request) => new Response(page(request)), async (front) => {
      const sums = ["--binary-url", `${front}/openclaw`];
      assertEnded(await host.install(agent, url, { env, args: ["--dry-run", ...sums] }), 0);
      assertEnded(await host.install(agent, url, { env, args: [...sums, "--sha256", sum] }), 0);
    });
    assertEnded(await host.run(["--uninstall"], { env }), 0);
  });
  assert.equal(asked, 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function clockOff({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const later = (body: Record<string, unknown>): string =>
    JSON.stringify({ ...body, server_time: new Date(Date.now() + 7_200_500).toISOString() });
  await withFront((request) => forward(request, url, later), async (front) => {
    const dry = host.install(agent, front, { args: ["--dry-run"] });
    assertEnded(await dry, 0, /warning: this host's clock is 7(19|20)\d s behind the server's/);
  });
}

async function binary({ host, fleet, url }: Scene): Promise<void> {
  const { path, sum, page } = await standIn(host);
  const agent = await fleet.createAgent();
  await withFront((request) => new Response(page(request)), async (front) => {
    const args = ["--binary-url", `${front}/there/openclaw`, "--sha256"];
    await untouched(
      host,
      host.install(agent, url, { args: [...args, "0".repeat(64)] }),
      1,
      /Cannot verify "openclaw"/,
    );
    await untouched(
      host,
      host.install(agent, url, { args: ["--binary-url", `${front}/no`, "--sha256", sum] }),
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
  await untouched(host, host.install(agent, url, { args: from }), 2, /its SHA-256 is not known/);
  await untouched(
    host,
    host.install(agent, url, { args: ["--binary-url", "https://127.0.0.1:1/openclaw"] }),
    2,
    /not known/,
  );
  await Deno.writeTextFile(join(dirname(path), "SHA256SUMS"), `${"0".repeat(64)}  openclaw\n`);
  await untouched(host, host.install(agent, url, { args: from }), 1, /Cannot verify/);
  await Deno.writeTextFile(join(dirname(path), "SHA256SUMS"), `${"0".repeat(64)}  other\n${sum}  openclaw\n`);
  assertEnded(await host.install(agent, url, { args: from }), 0);
  await Deno.writeTextFile(path, "#!/bin/sh\nexit 3\n");
  const broken = await digest(path);
  await untouched(
    host,
    host.install(agent, url, { args: [...from, "--sha256", broken] }),
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
  await untouched(host, host.run([]), 0, /nothing had to be changed/);
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
      await untouched(host, host.install(agent, url, { args }), 6, /\nerror: Cannot fetch "openclaw": ./);
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

async function interruptedDownload({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const { sum } = await standIn(host);
  const slow = new AbortController();
  const asked = Promise.withResolvers<void>();
  const front = (): Response => {
    asked.resolve();
    const drip = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode("#!/bin/sh\n"));
        slow.signal.addEventListener("abort", () => controller.error(new Error("over")));
      },
    });
    return new Response(drip);
  };
  await withFront(front, async (there) => {
    const args = ["--binary-url", `${there}/openclaw`, "--sha256", sum];
    const { stderr, took } = await terminated(
      host,
      asked.promise,
      (wrapper) => host.install(agent, url, { args, wrapper }),
    );
    assert.match(stderr, /what was done has been undone\nerror: Cannot go on: it was interrupted/);
    assert.ok(took < atOnceMs, `it took ${took} ms`);
    slow.abort();
  });
  assert.deepEqual(await host.tree(), {});
}

/** Far more than it takes on a busy machine, and far less than the 60 s of a download, or the 600 s of `unhurried`. */
const atOnceMs = 30_000;

/** The installer with 600 s for a reply in place of 15 s: what ends before that did not wait for it. */
async function unhurried({ language, home }: Host): Promise<Host> {
  const whole = await Deno.readTextFile(language.file);
  const patient = whole.replaceAll(/(:-|\bseconds=|\$Seconds = )15\b/g, "$1600");
  assert.notEqual(patient, whole);
  const file = join(dirname(home), `unhurried.${language.extension}`);
  await Deno.writeTextFile(file, patient);
  return new Host({ ...language, file }, dirname(home));
}

/** A run that is told to stop a moment after something was seen, and how long it then took, in milliseconds. */
export async function terminated(
  host: Host,
  seen: Promise<void>,
  start: (wrapper: string[]) => Promise<Finished>,
  told: () => void = () => undefined,
): Promise<Finished & { took: number }> {
  const pid = join(host.home, "../pid");
  const running = start(["sh", "-c", 'echo $$ >"$0"; exec "$@"', pid]);
  await Promise.race([seen, running]);
  await pause(200);
  const begun = performance.now();
  Deno.kill(Number(await Deno.readTextFile(pid)), "SIGTERM");
  told();
  return { ...await running, took: performance.now() - begun };
}

async function foreignVersions({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.program), { recursive: true });
  const own = ["new", "old"].map((suffix) => `${host.program}.${suffix}`);
  for (const path of own) await Deno.writeTextFile(path, "somebody's own");
  const before = await host.tree();
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  await pretendOlder(host);
  assertEnded(await host.run([]), 0);
  for (const path of own) assert.equal(await Deno.readTextFile(path), "somebody's own");
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), before);
}

/** Makes the program one that an earlier version installed. */
export async function pretendOlder(host: Host): Promise<void> {
  const now = await digest(host.program);
  await Deno.writeTextFile(host.program, "# Written by openclaw once\n");
  const manifest = await Deno.readTextFile(host.manifest);
  await Deno.writeTextFile(host.manifest, manifest.replace(now, await digest(host.program)));
}

async function changed({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  await Deno.writeTextFile(host.program, "# by hand\n", { append: true });
  await untouched(host, host.run([]), 5, foreignProgram);
  const ended = await host.run(["--uninstall"]);
  assertEnded(ended, 0);
  assert.ok(ended.stdout.includes(`kept, because it was changed: ${host.program}\n`), ended.stdout);
  assert.ok(!ended.stdout.includes(`removed ${host.program}\n`), ended.stdout);
  const left = Object.values(await host.tree()).filter((text) => text !== "");
  assert.equal(left.length, 1);
  assert.match(left[0] ?? "", /# by hand\n$/);
}

async function distrustedManifest({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const message = /Cannot use the manifest ".*": another user may have written it/;
  await Deno.chmod(host.manifest, 0o622);
  await untouched(host, host.run(["--uninstall"]), 5, message);
  await untouched(host, host.run([]), 5, message);
  await Deno.chmod(host.manifest, 0o600);
  await Deno.rename(host.manifest, `${host.manifest}.real`);
  await Deno.symlink(`${host.manifest}.real`, host.manifest);
  await untouched(host, host.run(["--uninstall"]), 5, message);
}

async function foreign({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.program), { recursive: true });
  await Deno.writeTextFile(host.program, "#!/bin/sh\necho somebody else\n");
  await untouched(host, host.install(await fleet.createAgent(), url), 5, foreignProgram);
}

/** What npm installs, and what its program keeps, in a user's home. */
async function pretendNpms({ home }: Host): Promise<void> {
  const files: Record<string, string> = {
    ".local/lib/node_modules/openclaw/openclaw.mjs": "#!/usr/bin/env node\n",
    ".config/openclaw/gateway.env": "OPENCLAW_GATEWAY_TOKEN=theirs\n",
    ".config/systemd/user/openclaw.service": "[Service]\nExecStart=/usr/bin/openclaw gateway run\n",
    ".openclaw/openclaw.json": "{}\n",
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(home, path)), { recursive: true });
    await Deno.writeTextFile(join(home, path), text, { mode: 0o640 });
  }
  await Deno.mkdir(join(home, ".local/bin"));
  await Deno.symlink(npmsLink, join(home, ".local/bin/openclaw"));
}

const npmsLink = "../lib/node_modules/openclaw/openclaw.mjs";

function onPath({ home }: Host): { PATH: string } {
  return { PATH: `${join(home, ".local/bin")}:${Deno.env.get("PATH") ?? ""}` };
}

async function beside({ host, fleet, url }: Scene): Promise<void> {
  await pretendNpms(host);
  const before = await host.tree();
  const agent = await fleet.createAgent();
  const env = onPath(host);
  const said = new RegExp(
    `"${host.home}/.local/bin/openclaw" is another program's \\(npm's openclaw\\): it stays`,
  );
  for (const args of [["--second-name"], ["--no-second-name"]]) {
    assertEnded(await host.install(agent, url, { args, env }), 0, said);
    const { [`755 ${host.program}`]: program, ...rest } = await host.tree();
    assert.match(program ?? "", /^#!/);
    for (const [path, text] of Object.entries(before)) assert.equal(rest[path], text, path);
    assert.equal(await Deno.readLink(join(host.home, ".local/bin/openclaw")), npmsLink);
  }
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await host.run(["--uninstall"], { env }), 0);
  assert.deepEqual(await host.tree(), before);
  assert.equal(await Deno.readLink(join(host.home, ".local/bin/openclaw")), npmsLink);
}

/** As "npm install --global --force" does: our second name, then even our program, become its links. */
async function replaced({ host, fleet, url }: Scene): Promise<void> {
  const short = join(host.home, ".local/bin/openclaw");
  assertEnded(await host.install(await fleet.createAgent(), url, { args: ["--second-name"] }), 0);
  for (const path of [short, host.program]) {
    await Deno.remove(path);
    await Deno.symlink(npmsLink, path);
  }
  const ended = await host.run(["--uninstall"]);
  assertEnded(ended, 0);
  assert.ok(ended.stdout.includes(`kept, because it was changed: ${host.program}\n`), ended.stdout);
  for (const path of [short, host.program]) assert.equal(await Deno.readLink(path), npmsLink);
}

async function foreignFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const folder of [dirname(host.credentials), join(host.home, ".local/state", host.word)]) {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, ".theirs"), "{}");
    const said = new RegExp(`"${folder}" has files of another program: .theirs, user \\d+'s`);
    await untouched(host, host.install(agent, url), 5, said);
    await Deno.remove(folder, { recursive: true });
  }
}

async function secondName({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const short = join(host.home, ".local/bin/openclaw");
  const is = async (): Promise<string | null> => await Deno.readLink(short).catch(() => null);
  assertEnded(await host.install(agent, url, { args: ["--second-name"] }), 0);
  assert.equal(await is(), host.word);
  assertEnded(await host.install(agent, url, { args: ["--no-second-name"] }), 0);
  assert.equal(await is(), null);
  assertEnded(await host.install(agent, url, { args: ["--second-name"], env: onPath(host) }), 0);
  assert.equal(await is(), host.word);
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), {});
}

async function otherName({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, url, { args: ["--name", "fleetd"] }), 0);
  const files = [".config/fleetd/credentials.json", ".config/fleetd/install.json", ".local/bin/fleetd"];
  const paths = Object.keys(await host.tree()).map((path) => path.replace(/^\d+ /, ""));
  for (const path of files) assert.ok(paths.includes(join(host.home, path)), path);
  assert.ok(!paths.some((path) => path.includes(host.word)), "a file has our own name");
  assertEnded(await host.run(["--uninstall"]), 4);
  assertEnded(await host.run(["--uninstall"], { env: { OPENCLAW_NAME: "fleetd" } }), 0);
  assert.deepEqual(await host.tree(), {});
}

async function badNames({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const name of some(["openclaw", "", "a/b", "a".repeat(32)])) {
    await untouched(host, host.install(agent, url, { args: [`--name=${name}`] }), 2, /Cannot use the name/);
  }
  const env = { OPENCLAW_NAME: "openclaw" };
  await untouched(host, host.install(agent, url, { env }), 2, /Cannot use the name/);
}

async function foreignCredentials({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.credentials), { recursive: true });
  await Deno.writeTextFile(host.credentials, '{"somebody": "else"}');
  await untouched(host, host.install(await fleet.createAgent(), url), 5, /holds no credentials/);
}

async function dryRun({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const args = ["--dry-run"];
  await untouched(host, host.install(agent, url, { args }), 0, new RegExp(`would write ${host.credentials}`));
  assertEnded(await host.install(agent, url), 0);
  await untouched(host, host.install(agent, url, { args }), 0);
  await untouched(host, host.run(["--uninstall", ...args]), 0, new RegExp(`would remove ${host.program}`));
}

async function uninstalled({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await Deno.mkdir(join(host.home, ".local"));
  assertEnded(await host.install(agent, url), 0);
  assertEnded(await host.run(["--uninstall"]), 0, new RegExp(`removed ${host.manifest}`));
  assert.deepEqual(Object.values(await host.tree()), [""]);
  assert.ok((await Deno.stat(join(host.home, ".local"))).isDirectory);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function forgedManifest({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const victim = join(host.home, "thesis.txt");
  await Deno.writeTextFile(victim, "all of it");
  const manifest = record(JSON.parse(await Deno.readTextFile(host.manifest)));
  const forged = { ...manifest, files: { [victim]: await digest(victim), ...record(manifest.files) } };
  await Deno.writeTextFile(host.manifest, `${JSON.stringify(forged, null, 2)}\n`);
  await untouched(host, host.run(["--uninstall"]), 5, /lists what no installer writes/);
}

/** The service's user may write its own credentials file, and root's terminal shows what is in it. */
async function plantedUrl({ host, fleet, url }: Scene): Promise<void> {
  for (const planted of [`${url}/\u001b[2J\u001b]0;pwn\u0007`, "file:///etc/passwd", `${url}/\u202etxt`]) {
    const agent = await fleet.createAgent();
    assertEnded(await host.install(agent, url), 0);
    const text = await Deno.readTextFile(host.credentials);
    const changed = JSON.stringify({ ...record(JSON.parse(text)), url: planted }, null, 2);
    await Deno.writeTextFile(host.credentials, `${changed}\n`);
    const { stdout, stderr } = await host.run(["--uninstall"]);
    assert.match(stderr, /warning: the server was not told that the agent stops/);
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(stdout + stderr, /[\u001b\u0007\u202e]|pwn|passwd/);
    assert.equal((await fleet.agent(agent.id)).liveness, "online");
  }
}

async function plantedFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const name of ["XDG_CONFIG_HOME", "XDG_STATE_HOME"]) {
    const env = { [name]: `${host.home}/x\nExecStartPre=/bin/evil` };
    const says = new RegExp(`Cannot install: ${name} has a control character`);
    await untouched(host, host.install(agent, url, { env }), 2, says);
  }
}

async function notInstalled({ host }: Scene): Promise<void> {
  await untouched(host, host.run(["--uninstall"]), 4, /Cannot uninstall: there is no/);
}

async function brokenManifest({ host, fleet, url, some }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  const whole = await Deno.readTextFile(host.manifest);
  const broken = [
    whole.slice(0, -3),
    `${whole}{}`,
    whole.replace(/ {2}"service": .*\n/, ""),
    whole.replace('"service": "none"', '"service": "cron"'),
    whole.replace('"service": "none"', '"service": 7'),
    whole.replace(/"files": \{[^}]*\}/, '"files": {}'),
    whole.replace(/"files": \{[^}]*\}/, '"files": []'),
    whole.replace(/"folders": \[[^\]]*\]/, '"folders": "/"'),
  ];
  const message = `Cannot read the manifest "${host.manifest}": it is not as an installer wrote it`;
  for (const text of some(broken)) {
    assert.notEqual(text, whole);
    await Deno.writeTextFile(host.manifest, text);
    const { stderr } = await untouched(host, host.run(["--uninstall"]), 5);
    const hint = "look at it, and move it away if it is not needed";
    assert.ok(stderr.includes(`error: ${message}\nhint: ${hint}`), stderr);
  }
  await Deno.writeTextFile(host.manifest, whole);
  assertEnded(await host.run(["--uninstall"]), 0);
}

async function notAllowed(scene: Scene): Promise<void> {
  const { host, fleet, url } = scene;
  const { install, uninstall } = await asNobody(scene, await fleet.createAgent(), url);
  assertEnded(await install(), 0);
  await Deno.chmod(dirname(host.program), 0o500);
  const { stderr } = await untouched(host, uninstall(), 1);
  const message =
    `error: Cannot remove "${host.program}": this user may not\nhint: run it as the user who installed`;
  assert.ok(stderr.includes(message), stderr);
  await Deno.chmod(dirname(host.program), 0o700);
  assertEnded(await uninstall(), 0);
  assert.deepEqual(await host.tree(), {});
}

const nobody = 65534;

/** Root may do everything: as somebody who may not, whatever the test runs as. */
async function asNobody(
  { host }: Scene,
  { id, secret }: CreatedAgent,
  url: string,
): Promise<
  { install: (env?: Record<string, string>) => Promise<Finished>; uninstall: () => Promise<Finished> }
> {
  const { command, extension } = host.language;
  const own = dirname(host.home);
  const file = join(own, `installer.${extension}`);
  await Deno.copyFile(host.language.file, file);
  await Deno.writeTextFile(host.secretFile, secret);
  const isRoot = Deno.uid() === 0;
  const isPowerShell = extension === "ps1";
  // PowerShell may be where only root can look: it stays root, without the right to write where a mode forbids it.
  const wrapper = isRoot && isPowerShell
    ? ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    : [];
  if (isRoot) {
    const owned = isPowerShell ? [] : [file, host.secretFile, host.home];
    for (const path of owned) await Deno.chown(path, nobody, nobody);
    for (const path of [dirname(own), own]) await Deno.chmod(path, 0o755);
  }
  const there = (args: string[], env = {}): Promise<Finished> => {
    const surroundings = isPowerShell ? powershellEnvironment(own) : {};
    const path = Object.entries({ HOME: host.home, ...surroundings, ...env })
      .map(([name, value]) => `${name}=${value}`);
    const words = [...wrapper, "env", "-C", own, ...path, ...command, file, ...args];
    return run(words, isRoot && !isPowerShell ? { as: nobody } : {});
  };
  const flags = ["--url", url, "--agent-id", id, "--agent-secret-file", host.secretFile];
  return { install: (env) => there(flags, env), uninstall: () => there(["--uninstall"]) };
}

async function answers({ host }: Scene): Promise<void> {
  const help = await untouched(host, host.run(["--help"]), 0);
  const options =
    "url agent-id agent-secret-file enrollment-code-file binary binary-url sha256 script-agent no-service name second-name no-second-name uninstall dry-run yes";
  for (const option of [...options.split(" "), "help", "version"]) {
    assert.match(help.stdout, new RegExp(`^  --${option} .*\\S$`, "m"));
  }
  assert.equal(help.stderr, "");
  const version = await untouched(host, host.run(["--version"]), 0);
  assert.deepEqual([version.stdout, version.stderr], ["0.1.0\n", ""]);
}

async function wrongUsage({ host, fleet, url, some }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  await Deno.writeTextFile(host.secretFile, secret);
  const secretFlag = ["--agent-secret-file", host.secretFile];
  const wrong: [string[], RegExp][] = [
    [["--frobnicate"], /unknown option "--frobnicate"/],
    [["--yes=no"], /unknown option "--yes=no"/],
    [["--url"], /"--url" lacks its value/],
    [["extra"], /unknown option "extra"/],
    [[], /no agent is named/],
    [["--agent-id", id, ...secretFlag], /no server is named/],
    [[`--url=${url}`, "--agent-id=7", ...secretFlag], /it is not a UUID/],
    [["--script-agent", "--binary", "x"], /--script-agent excludes/],
    [["--binary-url", "y", "--binary", "x"], /--binary excludes/],
    [["--sha256", "abc"], /64 hexadecimal digits/],
    ...watching,
  ];
  for (const [args, message] of some(wrong)) await untouched(host, host.run(args), 2, message);
  const missing = ["--url", url, "--agent-id", id, "--agent-secret-file", "/nowhere"];
  await untouched(host, host.run(missing), 4, /Cannot read "\/nowhere"/);
}

async function watched({ host, fleet, url }: Scene): Promise<void> {
  const given = ["--no-service", "--script-agent"];
  const options = ["--watch=openclaw:18790", "--probe-url", "http://127.0.0.1:9/it's?a=$b"];
  const ended = await host.install(await fleet.createAgent(), url, { args: [...given, ...options] });
  assertEnded(ended, 0);
  const line = /^to start the agent: (.*)$/m.exec(ended.stdout)?.[1] ?? "";
  const { stdout } = await run(["sh", "-c", `set -- ${line}; shift; echo "$*"`]);
  assert.equal(stdout.replaceAll("=", " "), `monitor ${options.join(" ")}\n`.replaceAll("=", " "));
  const refused = await host.run([...given, "--status-command", "true"]);
  assertEnded(refused, 2, /Cannot keep a command for the small agent/);
}

const watching: [string[], RegExp][] = [
  [["--watch", "gateway"], /Cannot watch "gateway": openclaw or openclaw:<port> is expected/],
  [["--probe-url=ftp://host/"], /Cannot use the address of --probe-url/],
  [["--status-command", "a\nb"], /it has a control character/],
];

async function missingTool({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  if (host.language.extension === "py") {
    const env = await python(host, "import sys; sys.modules['_ssl'] = None");
    await untouched(host, host.install(agent, url, { env }), 1, /Cannot install: "ssl" is missing/);
    return;
  }
  if (host.language.extension === "ps1") return await missingToolOfPowerShell(host, agent, url);
  const wrapper = ["env", `PATH=${await onlyTools(host)}`];
  await untouched(host, host.install(agent, url, { wrapper }), 1, /Cannot install: "curl" is missing/);
  await Deno.symlink(await which("curl"), join(dirname(host.home), "bin/curl"));
  await untouched(host, host.install(agent, url, { wrapper }), 1, /Cannot install: "sha256sum" is missing/);
}

async function missingToolOfPowerShell(host: Host, agent: CreatedAgent, url: string): Promise<void> {
  const tools = ["uname", "chmod", "test", "ls"];
  for (const missing of tools) {
    const PATH = join(dirname(host.home), `without-${missing}`);
    await Deno.mkdir(PATH);
    for (const tool of tools) if (tool !== missing) await Deno.symlink(await which(tool), join(PATH, tool));
    const message = new RegExp(`Cannot install: "${missing}" is missing`);
    await untouched(host, host.install(agent, url, { env: { PATH } }), 1, message);
  }
}

/** What a shell's installer starts. Python's brings all that it needs; PowerShell's four are in the scenario before. */
async function eachToolMissing(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  if (host.language.extension !== "sh") return;
  const bin = await onlyTools(host);
  for (const more of ["curl", "sha256sum"]) await Deno.symlink(await which(more), join(bin, more));
  const { install } = await asNobody(
    scene,
    await fleet.createAgent(),
    "http://127.0.0.1:1",
  );
  const env = { PATH: bin };
  assertEnded(await install(env), 6, /Cannot reach http/);
  for await (const { name } of Deno.readDir(bin)) {
    if (name === host.language.command[0]) continue;
    const target = await Deno.readLink(join(bin, name));
    await Deno.remove(join(bin, name));
    const before = await host.tree();
    assertEnded(await install(env), 1, new RegExp(`Cannot install: "${name}" is missing`));
    assert.deepEqual(await host.tree(), before);
    await Deno.symlink(target, join(bin, name));
  }
  // Bash and zsh keep what they are to read from themselves in a folder that may be full, or not there.
  const nowhere = { ...env, TMPDIR: "/nowhere", TMPPREFIX: "/nowhere/zsh" };
  const { code, stderr } = await install(nowhere);
  assert.match(
    `${code} ${stderr}`,
    /^(6 error: Cannot reach|1 [^]*error: Cannot install: the shell cannot read)/,
  );
}

async function noTemporaryFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const env = { TMPDIR: "/nowhere", TMPPREFIX: "/nowhere/zsh" };
  const ended = await host.install(agent, url, { env });
  if (ended.code === 1) {
    assert.match(
      ended.stderr,
      /error: Cannot install: the shell cannot read what this installer brings along\nhint/,
    );
    assert.deepEqual(await host.tree(), {});
    return;
  }
  assertEnded(ended, 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await host.run(["--uninstall"], { env }), 0);
}

export async function which(tool: string): Promise<string> {
  return (await run(["sh", "-c", 'command -v "$0"', tool])).stdout.trim();
}

/** A folder of all tools but curl, and what could tell a sum. */
async function onlyTools(host: Host): Promise<string> {
  const bin = join(dirname(host.home), "bin");
  await Deno.mkdir(bin);
  const names = [
    "awk",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "dirname",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "od",
    "rm",
    "rmdir",
    "sed",
    "sleep",
    "sort",
    "tr",
    "uname",
    host.language.command[0] ?? "",
  ];
  for (const name of names) {
    await Deno.symlink(await which(name), join(bin, name));
  }
  return bin;
}

async function unknownPlatform({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const message = /Cannot install: the platform "Plan9 mips" is not known\nhint: report it with/;
  const patch = "import platform; platform.system = lambda: 'Plan9'; platform.machine = lambda: 'mips'";
  if (host.language.extension === "py") {
    await untouched(host, host.install(agent, url, { env: await python(host, patch) }), 1, message);
    return;
  }
  const bin = join(dirname(host.home), "bin");
  await Deno.mkdir(bin);
  const uname = "#!/bin/sh\ncase $1 in -s) echo Plan9 ;; -m) echo mips ;; *) echo host ;; esac\n";
  await Deno.writeTextFile(join(bin, "uname"), uname, { mode: 0o755 });
  const env = { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
  await untouched(host, host.install(agent, url, { env }), 1, message);
}

/** Has Python do something before anything else. */
export async function python(host: Host, what: string): Promise<Record<string, string>> {
  const folder = join(dirname(host.home), "python");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "sitecustomize.py"), `${what}\n`);
  return { PYTHONPATH: folder };
}

async function names({ host, fleet, url }: Scene): Promise<void> {
  const name = `a "b" 'c' $(touch pwned) \`touch pwned\` \\ ${"é"} 日本 %s @;&|<>`;
  const agent = await fleet.createAgent({ name, labels: { note: `"'$(touch pwned)\\` } });
  // No server of ours has such a mark in a name.
  const marked = (body: Record<string, unknown>): string => JSON.stringify(body).replace("@", "\u202e");
  await withFront((request) => forward(request, url, marked), async (front) => {
    const run = await host.install(agent, front, { env: { HOME: host.home } });
    assertEnded(run, 0);
    assert.ok(run.stderr.includes(`as "${name.replace("@", "?")}"`), run.stderr);
  });
  assert.equal((await Object.keys(await host.tree())).filter((path) => path.endsWith("pwned")).length, 0);
}

async function urls({ host, fleet, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const refused = [
    "http://fleet.example",
    "http://127.0.0.1.example",
    "http://localhost.example:80",
    "ftp://127.0.0.1",
    "https://user:password@fleet.example",
    "https://fleet.example/?a=b",
    "https://fleet.example/#a",
    'https://fleet.example/"',
    "https://fleet.example/\\",
    "https://fleet.example/ a",
    "https://fleet.example/`id`",
    "https://fleet.example/\nheader = x",
    "https://élan.example",
    "https://",
    "https://[",
    "https://[::1",
    "http://[::1",
    "fleet.example",
  ];
  for (const url of some(refused)) await untouched(host, host.install(agent, url), 2, /Cannot use the URL/);
  await untouched(
    host,
    host.install(agent, "http://127.0.0.1:1/$(id)'&;/functions/v1//"),
    6,
    /Cannot reach http/,
  );
}

async function oddHome({ host, fleet, url }: Scene): Promise<void> {
  // PowerShell takes a backslash in a script's path for a slash: powershell_test.ts has that home refused.
  const odd = host.language.extension === "ps1" ? "[a-z]" : "back\\slash";
  const home = join(host.home, `it's "$HOME" & ${odd} é`);
  await Deno.mkdir(home);
  const agent = await fleet.createAgent();
  const env = { HOME: home };
  assertEnded(await host.install(agent, url, { env }), 0);
  const manifest = record(
    JSON.parse(await Deno.readTextFile(join(home, ".config", host.word, "install.json"))),
  );
  assert.deepEqual(manifest.folders, [
    join(home, ".local/bin"),
    join(home, ".local"),
    join(home, ".config", host.word),
    join(home, ".config"),
  ]);
  assertEnded(await host.install(agent, url, { env }), 0, /nothing had to be changed/);
  assertEnded(await host.run(["--uninstall"], { env }), 0);
  assert.deepEqual(Object.values(await host.tree()), [""]);
}

async function killed({ host, fleet, url, random, kills }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const start = performance.now();
  assertEnded(await host.install(agent, url), 0);
  const whole = performance.now() - start;
  assertEnded(await host.run(["--uninstall"]), 0);
  for (let kill = 0; kill < kills; kill++) {
    // The first half of a run of PowerShell is its start.
    const share = host.language.extension === "ps1" ? 0.5 + random.next() / 2 : random.next();
    const moment = (whole * share / 1000).toFixed(3);
    await host.install(agent, url, { wrapper: ["timeout", "--signal=KILL", moment] });
  }
  assertEnded(await host.install(agent, url), 0);
  const installed = Object.keys(await host.tree());
  assert.deepEqual(installed.filter((path) => /\.openclaw-(new|old)$/.test(path)), []);
  assertEnded(await host.run(["--uninstall"]), 0);
  // What was made for the manifest, before it could say so, is nobody's.
  const rest = Object.keys(await host.tree()).filter((path) => !/\/\.config$/.test(path));
  assert.deepEqual(rest, []);
}

/** The reply to the first heartbeat comes when it has been interrupted. */
async function interrupted({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  const told = Promise.withResolvers<void>();
  const slow = async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/heartbeat")) {
      asked.resolve();
      await told.promise;
    }
    return await forward(request, url, JSON.stringify);
  };
  await withFront(slow, async (front) => {
    const { stderr } = await terminated(
      host,
      asked.promise,
      (wrapper) => host.install(agent, front, { wrapper }),
      told.resolve,
    );
    assert.match(stderr, /what was done has been undone/);
    assert.match(stderr, /error: Cannot go on: it was interrupted/);
  });
  assert.deepEqual(await host.tree(), {});
}

/** The reply to the first heartbeat never comes: an installer that is interrupted does not wait for it. */
async function interruptedRequest({ host: hurried, fleet, url }: Scene): Promise<void> {
  const host = await unhurried(hurried);
  const agent = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const hang = async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/heartbeat")) {
      asked.resolve();
      await over.promise;
    }
    return await forward(request, url, JSON.stringify);
  };
  await withFront(hang, async (front) => {
    const { stderr, took } = await terminated(
      host,
      asked.promise,
      (wrapper) => host.install(agent, front, { wrapper }),
    );
    assert.match(stderr, /what was done has been undone\nerror: Cannot go on: it was interrupted/);
    assert.ok(took < atOnceMs, `it took ${took} ms`);
    over.resolve();
  });
  assert.deepEqual(await host.tree(), {});
}

async function notOnline({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const path of [dirname(dirname(host.credentials)), dirname(host.credentials)]) {
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o755);
  }
  const broken = (request: Request): Promise<Response> | Response =>
    request.url.endsWith("/heartbeat")
      ? Response.json({ error: "internal", error_description: "Cannot go on" }, { status: 500 })
      : forward(request, url, JSON.stringify);
  await withFront(broken, async (front) => {
    await untouched(
      host,
      host.install(agent, front),
      6,
      /undone\nerror: Cannot .*500 internal: Cannot go on/,
    );
  });
}

async function notUnicode({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const bytes of some(["\\377", "\\303", "\\303(", "\\355\\240\\200", "a\\340\\200\\200"])) {
    const home = `HOME=$HOME/$(printf '${bytes}x'); export HOME; exec "$@"`;
    const wrapper = ["sh", "-c", home, "sh"];
    const refusal = /Cannot install into ".*": a path in UTF-8 is expected/;
    await untouched(host, host.install(agent, url, { wrapper }), 2, refusal);
  }
}

async function readOnly({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const mount = `mount --bind "$HOME" "$HOME" && mount -o remount,ro,bind "$HOME" && exec "$@"`;
  const wrapper = ["unshare", "-m", "sh", "-c", mount, "sh"];
  await untouched(
    host,
    host.install(agent, url, { wrapper }),
    1,
    /the folder ".*\/home(\/.config)?"/,
  );
}

/** The disk has room for one file more each time: whatever fails leaves nothing. */
async function diskFull({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const mount =
    `mount -t tmpfs -o size=$0,mode=700 none "$HOME"; "$@"; code=$?; find "$HOME" -type f; exit $code`;
  const codes: number[] = [];
  for (const size of ["4k", "8k", "12k", "16k", "64k"]) {
    const wrapper = ["unshare", "-m", "sh", "-c", mount, size];
    const { code, stdout, stderr } = await host.install(agent, url, { wrapper });
    codes.push(code);
    const left = stdout.split("\n").filter((line) => line.startsWith("/"));
    assert.equal(left.length, code === 0 ? 3 : 0, `${size}: ${stdout}${stderr}`);
    if (code !== 0) assert.match(stderr, /error: Cannot (write|make the folder) "/);
  }
  assert.deepEqual([codes[0], codes[1], codes[2], codes.at(-1)], [1, 1, 1, 0]);
}

/** Asserts that a run ends so, and that not one file of the home is another afterwards. */
export async function untouched(
  host: Host,
  running: Promise<Finished>,
  code: number,
  message?: RegExp,
): Promise<Finished> {
  const before = await host.tree();
  const finished = await running;
  assertEnded(finished, code, message);
  assert.deepEqual(await host.tree(), before);
  return finished;
}

/** An executable that stands in for the program, and a server's page for it and its sums. */
async function standIn(
  host: Host,
): Promise<{ path: string; sum: string; page: (request: Request) => string }> {
  const folder = join(dirname(host.home), "release");
  await Deno.mkdir(folder);
  const path = join(folder, "openclaw");
  const program = "#!/bin/sh\necho 0.1.0\n";
  await Deno.writeTextFile(path, program, { mode: 0o755 });
  const sum = await digest(path);
  return {
    path,
    sum,
    page: ({ url }) =>
      url.endsWith("/SHA256SUMS") ? `${sum} *openclaw\r\n` : url.endsWith("w") ? program : "no",
  };
}

async function digest(path: string): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Something between the host and the server. */
export async function withFront(
  answer: (request: Request) => Response | Promise<Response>,
  work: (url: string) => Promise<void>,
  tls: { key: string; cert: string } | null = null,
): Promise<void> {
  const left = new AbortController();
  const options = { port: 0, hostname: "127.0.0.1", signal: left.signal, onListen: () => undefined };
  const server = tls === null ? Deno.serve(options, answer) : Deno.serve({ ...options, ...tls }, answer);
  try {
    const { port } = server.addr;
    await work(tls === null ? `http://127.0.0.1:${port}` : `https://localhost:${port}`);
  } catch (error) {
    // A reply that the failed work holds back would never come.
    left.abort();
    throw error;
  }
  await server.shutdown();
}

/** Passes the request on, and the reply back with its body written anew. */
export async function forward(
  request: Request,
  url: string,
  write: (body: Record<string, unknown>) => string,
): Promise<Response> {
  const body = await request.text();
  const reply = await fetch(url + new URL(request.url).pathname, {
    method: request.method,
    headers: request.headers,
    ...(body === "" ? {} : { body }),
  });
  const { status, headers } = reply;
  const retry = headers.get("retry-after");
  return new Response(write(record(JSON.parse(text(await reply.text())))), {
    status,
    headers: retry === null ? {} : { "retry-after": retry },
  });
}
