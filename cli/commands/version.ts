import type { Command } from "@commander-js/extra-typings";
import { answer, answerJson } from "../terminal/output.ts";
import { giveUp } from "../host/permissions.ts";
import { version } from "../version.ts";
import { jsonOption } from "./agent/_options.ts";

/** Adds `openclaw version`. */
export function addVersion(program: Command): void {
  program.command("version")
    .description("tell the version of this program")
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  openclaw version --json\n")
    .action(async ({ json }: { json?: true }) => {
      await giveUp("version");
      const { os, arch } = Deno.build;
      if (json) answerJson({ version, os, arch, deno: Deno.version.deno });
      else answer(version);
    });
}
