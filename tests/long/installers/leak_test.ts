import { Host, powershell, python, sh } from "../../_support/installers.ts";
import { share } from "../../_support/seed.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { placeAgent } from "../../installers/_agents.ts";
import { tellLeak } from "../../installers/_leak.ts";

for (const language of [sh, python, powershell]) {
  // A beat in PowerShell costs many times as much.
  const beats = language === powershell ? Math.max(60, share(200)) : share(2000);
  testWith(language.tools, `the agent of ${language.name}: ${beats} beats leave nothing behind`, async () => {
    await using folder = await temporaryFolder();
    const host = new Host(language, folder.path);
    await placeAgent(host);
    await tellLeak(host, beats);
  });
}
