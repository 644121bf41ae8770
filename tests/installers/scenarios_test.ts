import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { Host, type Language, languages, powershell } from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { isInstalled, testWith } from "../_support/tools.ts";
import { scenarios } from "./_scenarios.ts";

for (const language of [...languages, powershell]) {
  testWith([...language.tools, "openssl"], `${language.name}, against a real server`, async (context) => {
    await withFolder(async (folder) => {
      const server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      await using session = language === powershell ? new PowerShellSession(folder) : null;
      for (const [index, { name, work, root, own: isAlone }] of scenarios.entries()) {
        const step = async (): Promise<void> => {
          const own = join(folder, String(index));
          await Deno.mkdir(join(own, "home"), { recursive: true });
          const how: Language = session === null || isAlone ? language : { ...language, session };
          await work({ host: new Host(how, own), fleet, url: server.url });
        };
        const isAllowed = root !== true || (isInstalled("root") && isInstalled("unshare"));
        if (isAllowed || Deno.env.get("OPENCLAW_REQUIRE") === "all") await context.step(name, step);
        else await context.step({ name: `${name} (not run: takes root)`, fn: step, ignore: true });
      }
      await server.stop();
    });
  });
}
