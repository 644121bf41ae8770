import type { ServiceLayout } from "../layout.ts";
import { fill } from "./fill.ts";
import { escapeXml } from "./xml.ts";

/** The property list of the daemon, or of the user's agent. */
export function launchdPlist({ names, program, log, home }: ServiceLayout, options: string[]): string {
  return fill("dev.openclaw.agent.plist", {
    NAME: names.word,
    LABEL: names.label,
    PROGRAM: escapeXml(program),
    LOG: escapeXml(log ?? ""),
    OPTIONS: options.map((option) => `\n    <string>${escapeXml(option)}</string>`).join(""),
    HOME: escapeXml(home),
  });
}
