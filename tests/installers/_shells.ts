import { type Scenario, scenarios } from "./_scenarios.ts";

/**
 * What is told under dash, and not again under each other shell: the lines of install.sh that these reach are reached by
 * the others of the list, too, and no shell reads a line in a way of its own that only these would show. Every shell is
 * told all of them in tests/long.
 */
const underOneShell = new Set([
  "run twice, nothing changes",
  "run again without any option, what is missing is repaired",
  "a revoked agent is refused with 3, and nothing is touched",
  "a server that is down is unreachable, and nothing is touched",
  "JSON with other spacing and key order is read",
  "a time that no clock shows is no warning",
  "a proxy is never asked for a loopback address",
  "a clock that is off is a warning with the offset",
  "a binary with its checksum is installed, one with another is not",
  "somebody else's openclaw stays where it is",
  "a second name is made where nobody has it, and taken away again",
  "a name that cannot be one is refused",
  "a program that was changed is not replaced, and stays when the rest is removed",
  "a manifest that another user may have written is not believed",
  "somebody else's credentials file stays where it is",
  "uninstalled, nothing is left, and the server knows that the agent stopped",
  "a line break in a folder's variable is refused: it would be a line of the unit",
  "what is not installed cannot be uninstalled",
  "without one of its tools it does not run on",
  "in a home that cannot be written to, nothing is touched",
]);

/** What each shell is told that runs the same script as one which is told everything. */
export function scenariosOfEachShell(): Scenario[] {
  const missing = underOneShell.difference(new Set(scenarios.map(({ name }) => name)));
  if (missing.size > 0) throw new Error(`The list has no scenario "${[...missing].join('", "')}"`);
  return scenarios.filter(({ name }) => !underOneShell.has(name));
}
