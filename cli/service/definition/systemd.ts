import { dirname } from "node:path/posix";
import type { ServiceLayout } from "../layout.ts";
import { fill } from "./fill.ts";

/** The system's unit, or the user's. */
export function systemdUnitText(layout: ServiceLayout, options: string[]): string {
  const { scope, names, program, credentials, session, environmentFile } = layout;
  return fill(scope === "system" ? "openclaw.service" : "openclaw.user.service", {
    NAME: names.word,
    PROGRAM: escapeWord(program),
    OPTIONS: options.map((option) => ` "${escapeWord(option)}"`).join(""),
    CONFIG: escapeQuoted(dirname(dirname(credentials))),
    STATE: escapeQuoted(dirname(dirname(session))),
    ENVIRONMENT: environmentFile.replaceAll("%", "%%"),
  });
}

/** Within quotes on a command line, where `$` would begin a variable. */
function escapeWord(text: string): string {
  return escapeQuoted(text).replaceAll("$", "$$$$");
}

function escapeQuoted(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
}
