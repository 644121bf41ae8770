import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { windowsWord, windowsWords } from "../../../cli/service/definition/words.ts";
import { defineService } from "../../../cli/service/definition.ts";
import { serviceLayout } from "../../../cli/service/layout.ts";
import { earlierOptions, lifeWords, noOptions, optionsFor } from "../../../cli/service/options.ts";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { writeManifest } from "../../_support/manifest.ts";
import { withSystemctl } from "../../_support/systemctl.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

const systems = ["linux", "darwin", "windows"] as const;
const watched = {
  ...noOptions,
  caFile: "/etc/ssl/50% off/$HOME/ca \\ 'x'.pem",
  insecureHttp: true,
  watch: "openclaw:18790",
  probeUrl: "http://127.0.0.1:8080/health?a=1&b=%20<x>",
  statusCommand: '["C:\\\\bin\\\\check \\"all\\"", "--home", "$HOME", "100%", "a\\\\"]',
  metricsCommand: "/usr/bin/metrics --json",
  rotateEvery: "30d",
  progressFile: "/var/lib/work/50% $HOME",
  backIn: "120",
};

for (const os of systems) {
  Deno.test(`what the service's monitor is told is read back from its definition on ${os}, whatever is in it`, async () => {
    const layout = serviceLayout(() => "/home/x", { os, user: true, uid: 1 });
    const definition = defineService(layout, watched);
    assert.deepEqual(earlierOptions(definition, os), watched);
    assert.deepEqual(await optionsFor(layout, {}, definition), {
      ...watched,
      probeUrl: watched.probeUrl.replace("<x>", "%3Cx%3E"),
    });
    const fewer = await optionsFor(layout, { watch: "", probeUrl: "", statusCommand: "" }, definition);
    assert.deepEqual(lifeWords(fewer), [
      `--metrics-command=${watched.metricsCommand}`,
      `--rotate-every=${watched.rotateEvery}`,
      `--progress-file=${watched.progressFile}`,
      "--back-in=120",
    ]);
    const other = await optionsFor(layout, { rotateEvery: "12h" }, definition);
    assert.equal(other.rotateEvery, "12h");
    assert.equal((await optionsFor(layout, { rotateEvery: "" }, definition)).rotateEvery, null);
    const neither = await optionsFor(layout, { progressFile: "", backIn: "" }, definition);
    assert.deepEqual([neither.progressFile, neither.backIn], [null, null]);
    const there = await optionsFor(layout, { progressFile: "work/log" }, definition);
    assert.equal(there.progressFile, resolve("work/log"));
  });
}

Deno.test("words of a command line of Windows are read as they were written", () => {
  const words = ["a b", 'say "hi"', "C:\\x\\", 'odd\\"', "\\\\host\\share", "$%^&"];
  assert.deepEqual(windowsWords(`monitor --quiet ${words.map(windowsWord).join(" ")}`), [
    "monitor",
    "--quiet",
    ...words,
  ]);
});

const refused: [flags: Record<string, string>, message: RegExp][] = [
  [{ watch: "gateway" }, /Cannot watch "gateway": openclaw or openclaw:<port> is expected/],
  [{ probeUrl: "ftp://host/" }, /Cannot use the URL "ftp:\/\/host\/" of --probe-url/],
  [{ statusCommand: "sh -c 'x'" }, /Cannot read --status-command/],
  [{ metricsCommand: "[1]" }, /Cannot read --metrics-command/],
  [{ backIn: "2m" }, /Cannot use "2m" for --back-in: a whole number of seconds from 1 to 604800 is expected/],
  [{ progressFile: "/a\nb" }, /Cannot keep --progress-file.*control character/],
  [{ rotateEvery: "5m" }, /Cannot use "5m" for --rotate-every: a duration of at least 10m is expected/],
  [{ statusCommand: "check\nExecStartPre=/bin/x" }, /Cannot keep --status-command.*control character/],
];
for (const [flags, message] of refused) {
  Deno.test(`the service is not given what its monitor would refuse: ${JSON.stringify(flags)}`, async () => {
    const layout = serviceLayout(() => "/home/x", { os: "linux", user: true, uid: 1 });
    await assert.rejects(optionsFor(layout, flags, null), { name: "CliError", failure: "usage", message });
  });
}

Deno.test({
  name: "openclaw service install keeps what its monitor is told, and service status shows it",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withSystemctl(async (home, service) => {
      const layout = serviceLayout((name) => name === "HOME" ? home : undefined, {
        os: "linux",
        user: true,
        uid: 0,
      });
      await Deno.mkdir(join(layout.credentials, ".."), { recursive: true });
      await Deno.writeTextFile(
        layout.credentials,
        formatCredentials({ url: "https://fleet.example", agentId, secret }),
        { mode: 0o600 },
      );
      const command = '["/usr/bin/check", "two words"]';
      const flags = [
        "--watch",
        "openclaw",
        "--status-command",
        command,
        "--rotate-every",
        "30d",
        "--back-in",
        "60",
      ];
      const { stdout, stderr } = await service(["install", "--user", "--dry-run", ...flags]);
      const line = /^ *(ExecStart=.* monitor .*)$/m.exec(stdout)?.[1] ?? stderr;
      assert.ok(
        line.endsWith(
          ` monitor "--watch=openclaw" "--status-command=[\\"/usr/bin/check\\", \\"two words\\"]" "--rotate-every=30d" "--back-in=60"`,
        ),
      );
      await Deno.mkdir(join(layout.unit, ".."), { recursive: true });
      await Deno.writeTextFile(layout.unit, `[Service]\n${line}\n`);
      await writeManifest(layout);
      const shown = await service(["status", "--user"]);
      assert.equal(
        shown.stdout,
        `inactive (user)\n--watch=openclaw\n--status-command=${command}\n--rotate-every=30d\n--back-in=60\n`,
      );
      const { watch, probe_url, status_command, rotate_every, back_in_seconds } = JSON.parse(
        (await service(["status", "--user", "--json"])).stdout,
      );
      assert.deepEqual(
        [watch, probe_url, status_command, rotate_every, back_in_seconds],
        ["openclaw", null, command, "30d", 60],
      );
    }),
});
