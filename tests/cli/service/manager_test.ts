import assert from "node:assert/strict";
import { defineService } from "../../../cli/service/definition.ts";
import { definedElsewhere, leftOver, managerFault } from "../../../cli/service/manager.ts";
import { type Ask, perform } from "../../../cli/service/perform.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { manifestFor } from "../../_support/manifest.ts";
import { uninstallSteps } from "../../../cli/service/steps.ts";

const home: Record<string, string> = { HOME: "/x", USERPROFILE: "C:\\x", USERDOMAIN: "HOST", USERNAME: "x" };

function place(os: ServiceLayout["os"]): ServiceLayout {
  return serviceLayout((name) => home[name], { os, user: true, uid: 501 });
}

function says(output: string, code = 0): Ask {
  return () => Promise.resolve({ code, output });
}

const foreignTask =
  "<Task><RegistrationInfo><Description>Written by openclaw gateway</Description></RegistrationInfo></Task>";
const definitions = [
  { os: "windows", what: "our task", output: defineService(place("windows")), elsewhere: null },
  { os: "windows", what: "another's task", output: foreignTask, elsewhere: "the task scheduler" },
  { os: "darwin", what: "our job", output: `x = {\n\tpath = ${place("darwin").unit}\n}`, elsewhere: null },
  {
    os: "darwin",
    what: "another's job",
    output: "x = {\n\tpath = /Library/x.plist\n}",
    elsewhere: "/Library/x.plist",
  },
  { os: "linux", what: "our unit", output: `FragmentPath=${place("linux").unit}`, elsewhere: null },
  { os: "linux", what: "no unit", output: "FragmentPath=", elsewhere: null },
  { os: "linux", what: "another's unit", output: "FragmentPath=/usr/x.service", elsewhere: "/usr/x.service" },
] as const;
for (const { os, what, output, elsewhere } of definitions) {
  Deno.test(`a manager of ${os} that knows ${what} ${elsewhere === null ? "may be told" : "is a conflict"}`, async () => {
    assert.equal(await definedElsewhere(place(os), says(output)), elsewhere);
  });
}

for (const os of ["darwin", "windows"] as const) {
  Deno.test(`a service that the manager of ${os} still knows is left`, async () => {
    assert.equal((await leftOver(place(os), says("known"))).length, 1);
    assert.deepEqual(await leftOver(place(os), says("not found", 1)), []);
    assert.equal(await definedElsewhere(place(os), says("not found", 1)), null);
  });

  Deno.test(`a manager of ${os} that cannot be asked says why`, async () => {
    assert.equal(
      await managerFault(place(os), says("Domain does not support\nmore", 125)),
      "Domain does not support",
    );
    assert.equal(await managerFault(place(os), says("", 1)), "it ends with 1");
    assert.equal(await managerFault(place(os), says("fine")), null);
  });
}

Deno.test("on Windows, a program that removes its own service stays, any other does not", async () => {
  const layout = place("windows");
  const { program } = layout;
  const manifest = await manifestFor(layout);
  const script = program.replace(/exe$/, "ps1");
  manifest.files.set(script, ["0".repeat(64)]);
  const options = { manifest, keepCredentials: false, asksManager: true };
  const removed = (self: string): string[] =>
    uninstallSteps(layout, { ...options, self })
      .flatMap((step) => step.do === "remove" ? [step.path] : []);
  assert.ok(!removed(program.toUpperCase()).includes(program));
  assert.ok(removed("C:\\download.exe").includes(program));
  assert.ok(removed("C:\\download.exe").includes(script));
});

Deno.test("what is to be gone is waited for until its manager knows it no more", async () => {
  let asked = 0;
  await perform({ do: "wait until gone", words: ["launchctl", "print", "x"] }, {
    ask(words) {
      assert.deepEqual(words, ["launchctl", "print", "x"]);
      return Promise.resolve({ code: ++asked < 3 ? 0 : 113, output: "" });
    },
  });
  assert.equal(asked, 3);
});
