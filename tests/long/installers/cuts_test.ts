import { join } from "node:path";
import { Host, python } from "../../_support/installers.ts";
import { share } from "../../_support/seed.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { tellCuts } from "../../installers/_cuts.ts";

// Every ninth line, or a share of these.
const every = Math.round(9 * 100 / share(100));

testWith(python.tools, `install.py that is cut at every line of ${every} does nothing`, async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(join(folder.path, "home"));
  await tellCuts(new Host(python, folder.path), { every, last: 60 });
});
