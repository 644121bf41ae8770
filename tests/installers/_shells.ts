import { bash, busybox, type Language, zsh } from "../_support/installers.ts";
import { scenarios } from "./_list.ts";
import type { Scenario } from "./_scene.ts";

/** The shells beside dash, which is told all: what they are not each told, they are told by turns. */
const otherShells = [bash, busybox, zsh];

/**
 * What each shell is told: each starts a file, hears signals, ends children, keeps its here-documents and reads bytes in
 * its own way, and busybox does so with tools of its own.
 */
const underEachShell = new Set([
  "on a fresh home the agent is online, and the files are what they should be",
  "numbers and letters written in other ways that JSON has are read",
  "what a server says is shown without what a terminal acts on",
  "a program that breaks off while it is read is undone",
  "interrupted in a download, it ends at once and leaves nothing",
  "a missing tool is named, and nothing is touched",
  "without a folder for temporary files it goes online, or says so",
  "names with quotes, substitutions, backslashes and direction marks are shown and not run",
  "a home with a space, quotes and a dollar sign is a home like any other",
  "killed at random moments and run again, it is installed, and uninstalled without a rest",
  "interrupted, it undoes what it did",
  "interrupted while the server lets it wait, it ends at once",
  "a home whose name is not UTF-8 is refused",
  "on a disk that is full, nothing is left",
  "with a code the host is online, and neither the code nor its id is left",
  "killed while it enrolls and run again, it gets the same agent",
  "interrupted while it enrolls, it ends at once and keeps the id",
  "a code is read from a pipe and from standard input",
]);

/**
 * What is told under dash, and not again under another shell: the lines of install.sh that these reach are reached by
 * the others of the list, too, and no shell reads a line in a way of its own that only these would show. Every shell is
 * told all scenarios in tests/long.
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
  "a code of the real server is good for one host, and its row says how far that came",
  "on a host that is enrolled a code is not used, and one line says so",
  "while the server is down a code is 6, and the same id is sent again",
  "a refused code is 3, the owner's limit 5, and nothing is touched",
  "an agent and a code in one layer are a usage error, and a flag beats the environment",
  "a dry run with a code asks the server nothing",
  "a server that does not take the steps costs one request, and no installation",
]);

/** What such a shell is told. */
export function scenariosUnder(shell: Language): Scenario[] {
  const missing = underEachShell.union(underOneShell).difference(new Set(scenarios.map(({ name }) => name)));
  if (missing.size > 0) throw new Error(`The list has no scenario "${[...missing].join('", "')}"`);
  const turn = otherShells.indexOf(shell);
  const byTurns = scenarios.filter(({ name }) => !underEachShell.has(name) && !underOneShell.has(name))
    .filter((_, index) => index % otherShells.length === turn);
  return scenarios.filter((one) => underEachShell.has(one.name) || byTurns.includes(one));
}
