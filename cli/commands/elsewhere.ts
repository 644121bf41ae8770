import { CliError } from "../terminal/errors.ts";
import { giveUp } from "../host/permissions.ts";
import type { Entry } from "./program.ts";

/**
 * The commands that the program for an agent's host does not have. It says where they are: the server, the keys and
 * the installers would make it half as large again.
 */
const names = [
  "serve",
  "keys",
  "installer",
  "agents",
  "enrollments",
  "fleet",
  "login",
  "logout",
  "reader-keys",
] as const;

/** One entry for each of them; help does not list it. */
export const elsewhereEntries: readonly Entry[] = names.map((name) => ({
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
