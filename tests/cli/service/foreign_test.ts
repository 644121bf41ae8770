import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { assertFoldersFree, assertUserFree } from "../../../cli/service/foreign.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { describeForeign } from "../../../cli/service/owner.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { manifestFor } from "../../_support/manifest.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { agentId } from "../../_support/vectors.ts";

function layout(home: string, user = true): ServiceLayout {
  return serviceLayout((name) => name === "HOME" ? home : undefined, { os: "linux", user, uid: 0 });
}

function isConflict(says: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof CliError && error.failure === "conflict" && says.test(error.message);
}

async function write(path: string, text = "{}"): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

for (const [index, what] of ["configuration", "state"].entries()) {
  Deno.test(`another program's file in the ${what} folder → conflict; later, our user's own is none`, async () => {
    await using home = await temporaryFolder();
    const place = layout(home.path);
    const folder = place.folders[index] ?? assert.fail();
    await write(place.credentials, '{"agent_secret": ""}');
    await write(place.session, '{"received_at": ""}');
    await write(join(dirname(place.session), `monitor-${agentId}.lock`), "");
    await write(place.environmentFile, "");
    await assertFoldersFree(place, null);
    await write(join(folder, "openclaw.json"));
    const says = new RegExp(
      `"${folder}" has files of another program: "openclaw\\.json", of (root|user \\d+)`,
    );
    await assert.rejects(assertFoldersFree(place, null), isConflict(says));
    await assertFoldersFree(place, await manifestFor(place));
  });
}

const users: [what: string, answer: { code: number; output: string }, isFree: boolean][] = [
  ["there is none", { code: 1, output: "id: 'openclaw-agent': no such user" }, true],
  ["systemd made it for the running service", { code: 0, output: "61234" }, true],
  ["a package made it", { code: 0, output: "998" }, false],
  ["an administrator made it", { code: 0, output: "1001" }, false],
  ["it is root by another name", { code: 0, output: "0" }, false],
];
for (const [what, answer, isFree] of users) {
  Deno.test(`a user of our name: ${what} → ${isFree ? "free" : "conflict"}`, async () => {
    const asked: string[][] = [];
    const ask = (words: string[]): Promise<typeof answer> => (asked.push(words), Promise.resolve(answer));
    const tried = assertUserFree(layout("/x", false), ask);
    if (isFree) await tried;
    else await assert.rejects(tried, isConflict(/this host has a user "openclaw-agent" \(\d+\)/));
    assert.deepEqual(asked, [["id", "-u", "openclaw-agent"]]);
    await assertUserFree(layout("/x"), () => assert.fail("a user's service has that user"));
  });
}

Deno.test(
  { name: "what stands in our place is described", ignore: Deno.build.os === "windows" },
  async () => {
    await using folder = await temporaryFolder();
    const npms = join(folder.path, "lib/node_modules/openclaw/openclaw.mjs");
    const other = join(await Deno.realPath(folder.path), "other");
    await write(npms);
    await write(other);
    const link = async (to: string): Promise<string> => {
      const path = join(folder.path, crypto.randomUUID());
      await Deno.symlink(to, path);
      return path;
    };
    assert.equal(await describeForeign(await link(npms)), "it is npm's openclaw");
    assert.equal(await describeForeign(await link(other)), `it is a link to "${other}"`);
    assert.equal(await describeForeign(await link("/nowhere/at/all")), "it is a link to nothing");
    assert.match(await describeForeign(other), /^it is a file of (root|user \d+)$/);
  },
);
