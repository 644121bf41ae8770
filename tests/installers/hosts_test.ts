/** Hosts that are not as an installer likes them, in front of a service that is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeCertificate } from "../_support/certificate.ts";
import {
  assertEnded,
  bash,
  busybox,
  type Finished,
  Host,
  type Language,
  powershell,
  python,
  run,
  sh,
} from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { testUnless } from "../_support/require.ts";
import { succeed } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { isInstalled, testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { service } from "./_agents.ts";
import { withFront } from "./_front.ts";

const agent = { id: agentId, secret: agentSecret };

/** A host of each language in its folder, and the address of a service that greets everybody. */
async function withHosts(
  languages: Language[],
  work: (hosts: Host[], url: string) => Promise<void>,
  tls: { key: string; cert: string } | null = null,
): Promise<void> {
  await using folder = await temporaryFolder();
  const hosts = languages.map((language) => new Host(language, folder.path));
  await Deno.mkdir(join(folder.path, "home"));
  await withFront(answer, (url) => work(hosts, url), tls);
}

async function answer(request: Request): Promise<Response> {
  await request.text();
  return service(request);
}

function install(host: Host, url: string, env: Record<string, string> = {}): Promise<Finished> {
  return host.install(agent, url, { env, args: ["--script-agent", "--no-service"] });
}

function uninstall(host: Host, env: Record<string, string> = {}): Promise<Finished> {
  return host.run(["--uninstall", "--no-service", "--yes"], { env });
}

for (const language of [sh, bash, python]) {
  testWith(
    language.tools,
    `a library that cannot be preloaded does not keep ${language.name} from installing`,
    () =>
      withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        const env = { LD_PRELOAD: "/usr/lib/libnothere.so" };
        assertEnded(await install(host, url, env), 0);
        assertEnded(await uninstall(host, env), 0);
      }),
  );
}

for (const language of [sh, python]) {
  testWith(
    [...language.tools, "openssl"],
    `SSL_CERT_FILE wins in ${language.name}, whatever else is set`,
    async () => {
      await using folder = await temporaryFolder();
      const { cert, key, authority } = await makeCertificate(folder.path);
      await using elsewhere = await temporaryFolder();
      const stranger = await makeCertificate(elsewhere.path);
      await withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        const others = { SSL_CERT_DIR: folder.path, CURL_CA_BUNDLE: stranger.authority };
        assertEnded(await install(host, url, others), 6, /TLS fails/);
        assertEnded(await install(host, url, { SSL_CERT_FILE: authority, ...others }), 0);
      }, { cert, key });
    },
  );
}

interface Spelling {
  one: Language;
  written: string;
  other: Language;
  later: string;
}

/** How a home may be written for an installer, and then for the one that uninstalls. */
const spellings: Spelling[] = [
  { one: sh, written: "home/", other: sh, later: "home" },
  { one: sh, written: "link", other: python, later: "/home/" },
  { one: python, written: "home//", other: sh, later: "link/" },
  { one: python, written: "home", other: python, later: "/home" },
];

const spellingsOfPowerShell: Spelling[] = [
  { one: powershell, written: "home/", other: sh, later: "home" },
  { one: python, written: "link", other: powershell, later: "//home/" },
];

function nameOf({ one, written, other, later }: Spelling): string {
  return `a home that is written "${written}" for ${one.name} and "${later}" for ${other.name} is the same home`;
}

function isSameHome({ one, written, other, later }: Spelling): Promise<void> {
  return withHosts([one, other], async ([first, second], url) => {
    assert.ok(first !== undefined && second !== undefined);
    const parent = join(first.home, "..");
    await Deno.symlink(first.home, join(parent, "link"));
    assertEnded(await install(first, url, { HOME: `${parent}/${written}` }), 0);
    const manifest = await Deno.readTextFile(first.manifest);
    assert.ok(manifest.includes(`"${first.program}"`), manifest);
    assertEnded(await uninstall(second, { HOME: `${parent}/${later}` }), 0);
    assert.deepEqual(
      Object.keys(await first.tree()).filter((path) => /openclaw/.test(path.replace(parent, ""))),
      [],
    );
  });
}

for (const spelling of spellings) {
  testWith([...spelling.one.tools, ...spelling.other.tools], nameOf(spelling), () => isSameHome(spelling));
}

// One PowerShell for all: each start takes a second of CPU.
testWith(
  [...powershell.tools, ...sh.tools, ...python.tools],
  "a home that is written in another way for install.ps1, or before it, is the same home, and its line finds it",
  async (context) => {
    await using folder = await temporaryFolder();
    await using session = new PowerShellSession(folder.path);
    const inSession = { ...powershell, session };
    for (const { one, other, ...written } of spellingsOfPowerShell) {
      const [first = one, second = other] = [one, other].map((language) =>
        language === powershell ? inSession : language
      );
      const spelling = { ...written, one: first, other: second };
      await context.step(nameOf(spelling), () => isSameHome(spelling));
    }
    await context.step(nameOfLine(powershell), () => findsCredentials(inSession));
  },
);

for (const language of [sh, python]) {
  testWith(language.tools, nameOfLine(language), () => findsCredentials(language));
}

function nameOfLine({ name }: Language): string {
  return `the line that ${name} prints finds its credentials where cron starts it`;
}

function findsCredentials(language: Language): Promise<void> {
  return withHosts([language], async ([host], url) => {
    assert.ok(host !== undefined);
    const config = join(host.home, "it's my config");
    const { stdout } = await install(host, url, { XDG_CONFIG_HOME: `${config}/` });
    const line = /^to start the agent: (.*) monitor$/m.exec(stdout)?.[1] ?? "";
    const script = `${line.replace(/ ("[^"]*")$/, " sh -c 'echo \"$XDG_CONFIG_HOME\" >&2' $1")}`;
    const { stderr } = await run(["sh", "-c", script], { env: { HOME: host.home } });
    assert.equal(stderr, `${config}\n`, line);
    assertEnded(await uninstall(host, { XDG_CONFIG_HOME: config }), 0);
    const usual = await install(host, url, { XDG_CONFIG_HOME: join(host.home, ".config") });
    assert.match(usual.stdout, /^to start the agent: "/m);
  });
}

for (const language of [sh, python, powershell]) {
  testWith(
    ["root", "mount", "unshare", "find", ...language.tools],
    `a home that runs no program is told by ${language.name} before it is called installed`,
    () =>
      withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        const wrapper = [
          "unshare",
          "-m",
          "sh",
          "-c",
          `mount -t tmpfs -o noexec none '${host.home}' && "$@" && exit; code=$?
find '${host.home}' ! -path '${host.home}' >&2; exit $code`,
          "sh",
        ];
        const ended = await host.install(agent, url, { wrapper, args: ["--script-agent", "--no-service"] });
        assertEnded(ended, 1, /Cannot run ".*openclaw.*"/);
        assert.match(ended.stderr, /noexec/);
        assert.doesNotMatch(
          `${ended.stdout}${ended.stderr.split("undone").at(-1)}`,
          new RegExp(`installed|^${host.home}/`, "m"),
        );
      }),
  );
}

testUnless(
  await hasLatin() ? null : "localedef",
  "under a locale that is not UTF-8, what install.py put into a home beyond ASCII is removed again",
  async () => {
    await using folder = await temporaryFolder();
    await succeed("localedef", ["-i", "de_DE", "-f", "ISO-8859-1", join(folder.path, "de_DE.ISO-8859-1")]);
    await withHosts([python, sh], async ([host, other], url) => {
      assert.ok(host !== undefined && other !== undefined);
      const env = { HOME: join(host.home, "jörg h"), LC_ALL: "de_DE.ISO-8859-1", LOCPATH: folder.path };
      const before = await host.tree();
      for (const remover of [host, other]) {
        await Deno.mkdir(env.HOME);
        assertEnded(await install(host, url, env), 0);
        assertEnded(await uninstall(remover, env), 0);
        await Deno.remove(env.HOME);
      }
      assert.deepEqual(await host.tree(), before);
    });
  },
);

async function hasLatin(): Promise<boolean> {
  if (!isInstalled("localedef") || !isInstalled("python3")) return false;
  try {
    return (await Deno.stat("/usr/share/i18n/locales/de_DE")).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const mark = "\uFEFF";

for (const language of [sh, python]) {
  testWith(
    language.tools,
    `a BOM before what ${language.name} reads is skipped`,
    () =>
      withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        assertEnded(await install(host, url), 0);
        const credentials = await Deno.readTextFile(host.credentials);
        await Deno.writeTextFile(host.credentials, `${mark}${credentials}`);
        assertEnded(await install(host, url), 0, /installed already/);
        assertEnded(await uninstall(host), 0, /told .* that the agent stops/);
        const folder = join(host.home, "..");
        const [program, secret] = [join(folder, "program"), join(folder, "secret")];
        await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o755 });
        const { stdout } = await succeed("sha256sum", ["program"], { cwd: folder });
        await Deno.writeTextFile(join(folder, "SHA256SUMS"), `${mark}${stdout}`);
        await Deno.writeTextFile(secret, `${mark}${agentSecret}\r\n`);
        const flags = ["--url", url, "--agent-id", agentId, "--agent-secret-file", secret];
        assertEnded(await host.run([...flags, "--binary", program, "--no-service"]), 0);
      }),
  );
}

for (const language of [sh, busybox, python]) {
  testWith(
    [...language.tools, "flock"],
    `${language.name} waits for a program that changes the credentials, and keeps what it wrote`,
    () =>
      withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        assertEnded(await install(host, url), 0);
        const lock = `${host.credentials}.openclaw-lock`;
        const log = join(host.home, "../log");
        await Deno.writeTextFile(log, "");
        using file = await Deno.open(lock, { create: true, write: true, mode: 0o600 });
        await file.lock(true);
        const wrapper = ["sh", "-c", 'exec "$@" 2>"$0"', log];
        const running = host.run(["--script-agent", "--no-service"], { wrapper });
        await until("the installer to wait", async () =>
          /: waiting for it$/m.test(await Deno.readTextFile(log)));
        const rotated = (await Deno.readTextFile(host.credentials)).replace("ocs_AAEC", "ocs_AAED");
        await Deno.writeTextFile(host.credentials, rotated);
        await Deno.remove(lock);
        file.close();
        assertEnded(await running, 0);
        assert.equal((await host.tree())[`600 ${host.credentials}`], rotated);
        // A program that was killed leaves the file.
        await Deno.writeTextFile(lock, "");
        assertEnded(await uninstall(host), 0);
        assert.deepEqual(await host.tree(), {});
      }),
  );
}
