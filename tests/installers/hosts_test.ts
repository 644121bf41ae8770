/** Hosts that are not as an installer likes them, in front of a service that is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeCertificate } from "../_support/certificate.ts";
import {
  assertEnded,
  bash,
  type Finished,
  Host,
  type Language,
  python,
  run,
  sh,
} from "../_support/installers.ts";
import { testUnless } from "../_support/require.ts";
import { succeed } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { isInstalled, testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { service } from "./_agents.ts";
import { withFront } from "./_scenarios.ts";

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

/** How a home may be written, from the folder that it is in. */
const spellings: Record<string, (home: string) => string> = {
  "as it is": (home) => home,
  "with a slash at its end": (home) => `${home}/`,
  "with two slashes in it": (home) => home.replace(/\/home$/, "//home"),
  "by a link": (home) => home.replace(/home$/, "link"),
};

testWith(
  [...sh.tools, ...python.tools],
  "a home is the same however it is written, for each installer and the other",
  () =>
    withHosts([sh, python], async (hosts, url) => {
      const [{ home } = { home: "" }] = hosts;
      await Deno.symlink(home, join(home, "../link"));
      const writes = Object.values(spellings);
      for (const [index, one] of hosts.entries()) {
        for (const [place, write] of writes.entries()) {
          const other = hosts[1 - index] ?? one;
          const later = writes[(place + 1) % writes.length]?.(home) ?? home;
          assertEnded(await install(one, url, { HOME: write(home) }), 0);
          const manifest = await Deno.readTextFile(one.manifest);
          assert.ok(manifest.includes(`"${one.program}"`), manifest);
          assertEnded(await uninstall(place % 2 === 0 ? one : other, { HOME: later }), 0);
          assert.deepEqual(await one.tree(), {});
        }
      }
    }),
);

for (const language of [sh, python]) {
  testWith(
    language.tools,
    `the line that ${language.name} prints finds its credentials where cron starts it`,
    () =>
      withHosts([language], async ([host], url) => {
        assert.ok(host !== undefined);
        const config = join(host.home, "it's my config");
        const { stdout } = await install(host, url, { XDG_CONFIG_HOME: `${config}/` });
        const line = /^to start the agent: (.*) monitor$/m.exec(stdout)?.[1] ?? "";
        // A wrong option is told after the credentials were found.
        const { stderr } = await run([
          "sh",
          "-c",
          `${line.replace(/ ("[^"]*")$/, " sh -c 'echo \"$XDG_CONFIG_HOME\" >&2' $1")}`,
        ], {
          env: { HOME: host.home },
        });
        assert.equal(stderr, `${config}\n`, line);
        assertEnded(await uninstall(host, { XDG_CONFIG_HOME: config }), 0);
        const usual = await install(host, url, { XDG_CONFIG_HOME: join(host.home, ".config") });
        assert.match(usual.stdout, /^to start the agent: "/m);
      }),
  );

  testUnless(
    isInstalled("root") && isInstalled("mount") && isInstalled("unshare") ? null : "root who may mount",
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
