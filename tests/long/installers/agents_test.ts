import { Host, powershell } from "../../_support/installers.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { placeAgent } from "../../installers/_agents.ts";
import { tellReturn } from "../../installers/_return.ts";

// The usual tests have the agents of install.ps1 in a PowerShell that stays: a start is slow by nature.
testWith(
  powershell.tools,
  `the agent of ${powershell.name}, as a process of its own and told to stop, says when it is to be back`,
  async () => {
    await using folder = await temporaryFolder();
    const host = new Host(powershell, folder.path);
    await placeAgent(host);
    await tellReturn(host, false);
  },
);
