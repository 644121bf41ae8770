import { CliError } from "../terminal/errors.ts";
import { parseDuration } from "../host/duration.ts";
import { printable } from "../terminal/printable.ts";

/** A secret that is younger than a session is not worth a new one. */
const leastSeconds = 600;

/**
 * The seconds of `--rotate-every`: the age at which a secret is replaced.
 *
 * @throws {CliError} `usage` for what is not a number of minutes, hours, days or weeks, or is less than ten minutes
 */
export function parseSecretAge(text: string): number {
  const seconds = /^\d{1,4}[mhdw]$/.test(text) ? parseDuration(text) : null;
  if (seconds !== null && seconds >= leastSeconds) return seconds;
  throw new CliError(
    "usage",
    `Cannot use "${printable(text)}" for --rotate-every: a duration of at least 10m is expected`,
    { hint: "openclaw monitor --rotate-every 30d" },
  );
}
