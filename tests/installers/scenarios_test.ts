import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { Host, languages, powershell } from "../_support/installers.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { isInstalled, testWith } from "../_support/tools.ts";
import { scenarios } from "./_scenarios.ts";

// Where there is no PowerShell, powershell_test.ts says so in a name.
const all = isInstalled("pwsh") ? [...languages, powershell] : languages;

for (const language of all) {
  testWith([...language.tools, "openssl"], `${language.name}, against a real server`, async (context) => {
    await withFolder(async (folder) => {
      const server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      for (const [index, { name, work, root }] of scenarios.entries()) {
        const step = async (): Promise<void> => {
          const own = join(folder, String(index));
          await Deno.mkdir(join(own, "home"), { recursive: true });
          await work({ host: new Host(language, own), fleet, url: server.url });
        };
        const isAllowed = root !== true || (isInstalled("root") && isInstalled("unshare"));
        if (isAllowed || Deno.env.get("OPENCLAW_REQUIRE") === "all") await context.step(name, step);
        else await context.step({ name: `${name} (not run: takes root)`, fn: step, ignore: true });
      }
      await server.stop();
    });
  });
}
