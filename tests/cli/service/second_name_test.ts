import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { perform } from "../../../cli/service/perform.ts";
import { askForSecondName, secondNameSteps } from "../../../cli/service/second_name.ts";
import { temporaryFolder } from "../../_support/server.ts";

const isWindows = Deno.build.os === "windows";

/** A home with our program in it, and the second name as each step leaves it. */
async function inHome(
  work: (
    layout: ServiceLayout,
    settle: (wanted?: boolean, path?: string) => Promise<string | null>,
  ) => Promise<void>,
): Promise<void> {
  await using home = await temporaryFolder();
  const layout = serviceLayout((name) => name === "HOME" ? home.path : undefined, {
    os: "linux",
    user: true,
    uid: 1000,
  });
  await Deno.mkdir(dirname(layout.program), { recursive: true });
  await Deno.writeTextFile(layout.program, "");
  await work(layout, async (wanted, path = dirname(layout.program)) => {
    const variables: Record<string, string> = { PATH: `/nowhere:${path}` };
    const { steps, remark } = await secondNameSteps(layout, wanted, (name) => variables[name]);
    for (const step of steps) await perform(step, { ask: () => Promise.resolve({ code: 0, output: "" }) });
    return remark;
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: isWindows, fn });
}

const linkAt = async (path: string): Promise<string | null> => await Deno.readLink(path).catch(() => null);

test("the second name is made when it is asked for, stays when nobody speaks of it, and is taken away", () =>
  inHome(async (layout, settle) => {
    assert.deepEqual([await settle(), await linkAt(layout.second)], [null, null]);
    assert.deepEqual([await settle(true), await linkAt(layout.second)], [null, "openclaw-agent"]);
    assert.deepEqual([await settle(), await linkAt(layout.second)], [null, "openclaw-agent"]);
    assert.deepEqual([await settle(true), await linkAt(layout.second)], [null, "openclaw-agent"]);
    assert.deepEqual([await settle(false), await linkAt(layout.second)], [null, null]);
  }));

test("beside another program of the second name none is made, and one line says whose it is", () =>
  inHome(async (layout, settle) => {
    const npms = "../lib/node_modules/openclaw/openclaw.mjs";
    await Deno.mkdir(join(dirname(layout.second), dirname(npms)), { recursive: true });
    await Deno.writeTextFile(join(dirname(layout.second), npms), "");
    await Deno.symlink(npms, layout.second);
    for (const wanted of [undefined, true, false]) {
      assert.match(
        await settle(wanted) ?? "",
        /^".*\/openclaw" is another program's \(it is npm's openclaw\): it stays/,
      );
      assert.equal(await linkAt(layout.second), npms);
    }
  }));

test("another program elsewhere on the PATH keeps the second name, and ours goes all the same", () =>
  inHome(async (layout, settle) => {
    await settle(true);
    const elsewhere = join(dirname(layout.program), "elsewhere");
    await Deno.mkdir(elsewhere);
    await Deno.writeTextFile(join(elsewhere, "openclaw"), "");
    assert.match(await settle(undefined, elsewhere) ?? "", /it stays/);
    assert.equal(await linkAt(layout.second), "openclaw-agent");
    await settle(false, elsewhere);
    assert.equal(await linkAt(layout.second), null);
    await settle(true, elsewhere);
    assert.equal(await linkAt(layout.second), null);
  }));

test("whether it shall have the second name is asked only where nobody has it", () =>
  inHome(async (layout, settle) => {
    const folder = dirname(layout.program);
    const asked: string[] = [];
    const answer = (yes: boolean) =>
      askForSecondName(layout, {
        ask: (question) => Promise.resolve(asked.push(question) > 0 && yes),
        environment: (name) => name === "PATH" ? folder : undefined,
      });
    assert.equal(await answer(false), undefined);
    assert.equal(await answer(true), true);
    assert.deepEqual(asked.splice(0), Array(2).fill('May it be called "openclaw", too?'));
    await settle(true);
    assert.equal(await answer(true), undefined);
    await settle(false);
    await Deno.writeTextFile(layout.second, "another program");
    assert.equal(await answer(true), undefined);
    assert.deepEqual(asked, []);
  }));
