import { join } from "node:path";
import { FleetClient } from "../../_support/client.ts";
import { Host, powershell } from "../../_support/installers.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { startServerProcess, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { killedAtMoments } from "../../installers/_scenarios.ts";

const kills = share(20);

testWith(
  powershell.tools,
  `install.ps1 killed at ${kills} random moments and run again, it is installed, and uninstalled without a rest`,
  async () => {
    const { next } = seededRandom("install.ps1 killed");
    await withFolder(async (folder) => {
      await using server = await startServerProcess({ data: join(folder, "data") });
      const host = new Host(powershell, folder);
      await Deno.mkdir(host.home);
      const fleet = new FleetClient(server.base, server.operatorKey);
      await killedAtMoments({ host, fleet, url: server.url }, kills, next);
    });
  },
);
