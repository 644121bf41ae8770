import { CliError } from "../terminal/errors.ts";
import { giveUp } from "../host/permissions.ts";
import { namesElsewhere } from "./elsewhere_names.ts";
import type { Entry } from "./program.ts";

/** One entry for each of them; help does not list it. */
export const elsewhereEntries: readonly Entry[] = namesElsewhere.map((name) => ({
  name,
  summary: "",
  isHidden: true,
  load: () =>
    Promise.resolve((program) => {
      program.command(name, { hidden: true })
        .helpOption(false)
        .allowUnknownOption()
        .allowExcessArguments()
        .action(async () => {
          await giveUp("elsewhere");
          throw new CliError(
            "usage",
            `Cannot run "${name}": it is a command of the program openclaw-server`,
            {
              hint: `openclaw-server ${name} --help`,
            },
          );
        });
    }),
}));
