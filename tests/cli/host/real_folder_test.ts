import assert from "node:assert/strict";
import { join } from "node:path";
import { withRealFolders } from "../../../cli/host/real_folder.ts";
import { temporaryFolder } from "../../_support/server.ts";

Deno.test("a home has one spelling, however it is written, there or not there yet", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await temporaryFolder();
  const real = await Deno.realPath(folder.path);
  await Deno.mkdir(join(real, "home"));
  await Deno.symlink(join(real, "home"), join(real, "link"));
  const spell = (path: string) => withRealFolders((name) => name === "HOME" ? path : undefined)("HOME");
  for (const path of ["home", "home/", "/home//", "link", "link/", "home/../home", "./home"]) {
    assert.equal(spell(`${real}/${path}`), join(real, "home"), path);
  }
  assert.equal(spell(`/${real}/link/not/there//yet/`), join(real, "home/not/there/yet"));
  assert.equal(spell("/"), "/");
});

Deno.test("what is no folder of the user's, or no absolute path, is as it was", () => {
  const environment = withRealFolders((name) => name === "HOME" ? "./here/" : "//fleet//");
  assert.equal(environment("HOME"), "./here/");
  assert.equal(environment("OPENCLAW_URL"), "//fleet//");
});
