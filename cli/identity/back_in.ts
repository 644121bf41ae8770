import type { Environment } from "../host/paths.ts";
import { CliError } from "../terminal/errors.ts";
import { printable } from "../terminal/printable.ts";

const longest = 604_800;

/**
 * The seconds after which an agent that stops means to be back, by `--back-in` or `OPENCLAW_BACK_IN`; undefined where
 * neither is given.
 *
 * @throws {CliError} `usage` for what is not a whole number of seconds up to a week
 */
export function readBackIn(flag: string | undefined, environment: Environment): number | undefined {
  const name = flag === undefined ? "OPENCLAW_BACK_IN" : "--back-in";
  const text = flag ?? environment("OPENCLAW_BACK_IN");
  if (text === undefined) return undefined;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= longest) return seconds;
  throw new CliError(
    "usage",
    `Cannot use "${printable(text)}" for ${name}: a whole number of seconds from 1 to ${longest} is expected`,
    { hint: "openclaw monitor --back-in 120" },
  );
}
