import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { defineService } from "../../../cli/service/definition.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { formatManifest, parseManifest, readManifest } from "../../../cli/service/manifest.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { manifestFor, writeManifest } from "../../_support/manifest.ts";
import { withFolder } from "../../_support/server.ts";
import { withSystemctl } from "../../_support/systemctl.ts";

const linux = Deno.build.os === "linux";

function layoutIn(home: string): ServiceLayout {
  return serviceLayout((name) => name === "HOME" ? home : undefined, { os: "linux", user: true, uid: 0 });
}

/** A service's files, as they are when it is installed. */
async function pretendInstalled(home: string): Promise<ServiceLayout> {
  const layout = layoutIn(home);
  for (
    const [path, text] of [[layout.unit, defineService(layout)], [layout.program, "#!/bin/sh\n"]] as const
  ) {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  await writeManifest(layout);
  return layout;
}

Deno.test("a manifest is read as it was written, one file a line", async () => {
  const manifest = await manifestFor(layoutIn('/home/a "b" \\c é'));
  const unit = [...manifest.files.keys()][1] ?? "";
  manifest.files.set(unit, ["a".repeat(64), "b".repeat(64)]);
  const text = formatManifest(manifest);
  assert.deepEqual(parseManifest(text), manifest);
  const escaped = JSON.stringify(unit);
  assert.ok(text.includes(`\n    ${escaped}: "${"a".repeat(64)} ${"b".repeat(64)}",\n`), text);
  assert.match(text, /^ {4}".*credentials\.json": null,$/m);
  assert.doesNotMatch(text, /ocs_/);
});

const broken: Record<string, (text: string) => string> = {
  "one that is cut off": (text) => text.slice(0, -3),
  "one with files in a list": (text) => text.replace(/"files": \{[^}]*\}/, '"files": []'),
  "one with a hash that is too short": (text) => text.replace(/"0{64}"/, '"00"'),
  "one with a service that is not known": (text) => text.replace('"systemd-user"', '"cron"'),
  "one without folders": (text) => text.replace(/"folders": \[\]/, '"folders": "/"'),
  "another program's": () => '{"name": "gateway"}\n',
};
for (const [what, change] of Object.entries(broken)) {
  Deno.test(`${what} is not a manifest`, async () => {
    const text = formatManifest(await manifestFor(layoutIn("/nowhere")));
    assert.notEqual(change(text), text);
    assert.equal(parseManifest(change(text)), null);
  });
}

/** What makes a manifest one that another user may have written. */
const distrusted: Record<string, (path: string) => Promise<void>> = {
  "that others may write to": (path) => Deno.chmod(path, 0o622),
  "of another user": (path) => Deno.chown(path, 12_345, 12_345),
  "behind a link": async (path) => {
    await Deno.rename(path, `${path}.real`);
    await Deno.symlink(`${path}.real`, path);
  },
};
for (const [what, change] of Object.entries(distrusted)) {
  Deno.test({
    name: `a manifest ${what} is a conflict, and removes nothing`,
    ignore: !linux || Deno.uid() !== 0,
    fn: () =>
      withSystemctl(async (home, service, asked) => {
        const layout = await pretendInstalled(home);
        await change(layout.manifest);
        await assert.rejects(readManifest(layout), (error) =>
          error instanceof CliError && error.failure === "conflict");
        const { code, stderr } = await service(["uninstall", "--user"]);
        assert.equal(code, 5, stderr);
        assert.match(stderr, /^error: Cannot use the manifest /m);
        for (const path of [layout.unit, layout.program]) {
          await Deno.lstat(path);
        }
        assert.equal(await asked(), "");
        const state = await service(["status", "--user", "--json"]);
        assert.equal(state.code, 4);
        assert.match(state.stdout, /Cannot use the manifest/);
      }),
  });
}

Deno.test("the system's manifest is root's, whoever reads it", () =>
  withFolder(async (folder) => {
    const system = serviceLayout(() => undefined, { os: "linux", user: false, uid: 0 });
    assert.ok(
      !system.folders.some((state) => system.manifest.startsWith(`${state}/`)),
      "the service may write there",
    );
    const layout = { ...system, manifest: join(folder, "install.json") };
    await Deno.writeTextFile(layout.manifest, formatManifest(await manifestFor(layout)), { mode: 0o644 });
    if (Deno.uid() === 0) assert.equal((await readManifest(layout))?.service, "systemd-system");
    else await assert.rejects(readManifest(layout), /not to root/);
  }));

Deno.test({
  name:
    "a unit that was changed by hand is not replaced; uninstalling stops the service, keeps the unit and names it",
  ignore: !linux,
  fn: () =>
    withSystemctl(async (home, service, asked) => {
      const layout = await pretendInstalled(home);
      await Deno.writeTextFile(join(home, "bin/running"), "");
      await Deno.writeTextFile(layout.unit, "# by hand\n", { append: true });
      const changed = await Deno.readTextFile(layout.unit);
      const state = await service(["status", "--user"]);
      assert.equal(state.stdout, `active (user), with a changed ${layout.unit}\n`);
      const args = ["install", "--user", "--url", "https://fleet.example", "--dry-run"];
      const { code, stderr } = await service(args);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /it was changed after it had been installed/);
      assert.equal(await asked(), "--user is-active openclaw-agent.service\n");
      const removed = await service(["uninstall", "--user"]);
      assert.equal(removed.code, 0, removed.stderr);
      assert.ok(removed.stderr.includes(`need it: ${layout.unit}\n`), removed.stderr);
      assert.equal(await Deno.readTextFile(layout.unit), changed);
      await assert.rejects(Deno.lstat(layout.program), Deno.errors.NotFound);
      await assert.rejects(Deno.lstat(layout.manifest), Deno.errors.NotFound);
    }),
});

Deno.test({
  name: "uninstalling after an installation that was killed removes what the old and the new program left",
  ignore: !linux,
  fn: async () => {
    for (const inPlace of ["old", "new"]) {
      await withSystemctl(async (home, service) => {
        const layout = await pretendInstalled(home);
        const manifest = await manifestFor(layout);
        const before = manifest.files.get(layout.program) ?? [];
        await Deno.writeTextFile(layout.program, "#!/bin/sh\n# new\n");
        const after = (await manifestFor(layout)).files.get(layout.program) ?? [];
        manifest.files.set(layout.program, [...after, ...before]);
        await Deno.writeTextFile(layout.manifest, formatManifest(manifest));
        if (inPlace === "old") await Deno.writeTextFile(layout.program, "#!/bin/sh\n");
        const { code, stderr } = await service(["uninstall", "--user"]);
        assert.equal(code, 0, stderr);
        for (const path of [layout.program, layout.unit, layout.manifest]) {
          await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
        }
      });
    }
  },
});
