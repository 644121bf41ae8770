import assert from "node:assert/strict";
import { type Environment, placesOf } from "../../../cli/host/paths.ts";
import { nameOfFile, namesOf, resolveName } from "../../../cli/host/names.ts";
import { CliError } from "../../../cli/terminal/errors.ts";

const variables = (all: Record<string, string>): Environment => (name) => all[name];
const none = variables({});

const chosen: [what: string, args: string[], environment: Environment, word: string][] = [
  ["nothing", ["status"], none, "openclaw-agent"],
  ["the variable", ["status"], variables({ OPENCLAW_NAME: "fleetd" }), "fleetd"],
  ["the flag and the variable", ["status", "--name", "mine"], variables({ OPENCLAW_NAME: "fleetd" }), "mine"],
  ["the flag before the command", ["--name=mine", "status"], none, "mine"],
  ["a flag of the command behind --", ["run", "--", "x", "--name", "y"], none, "openclaw-agent"],
];
for (const [what, args, environment, word] of chosen) {
  Deno.test(`with ${what}, everything is called ${word}`, () =>
    assert.equal(resolveName(args, environment), word));
}

for (const word of ["openclaw", "", "A", "1a", "a b", "a/b", "../a", "a_b", "é", "-a", "a".repeat(32)]) {
  Deno.test(`"${word}" is no name → usage`, () => {
    const isUsage = (error: unknown): boolean => error instanceof CliError && error.failure === "usage";
    assert.throws(() => resolveName(["status", `--name=${word}`], none), isUsage);
    if (word !== "") assert.throws(() => resolveName([], variables({ OPENCLAW_NAME: word })), isUsage);
  });
}

const files: [path: string, word: string][] = [
  ["/usr/local/bin/openclaw-agent", "openclaw-agent"],
  ["/usr/local/bin/fleetd", "fleetd"],
  ["/home/a/.local/bin/fleetd", "fleetd"],
  ["C:\\Users\\a\\AppData\\Local\\fleetd\\fleetd.exe", "fleetd"],
  ["/tmp/download", "openclaw-agent"],
  ["C:\\Users\\a\\Downloads\\fleetd.exe", "openclaw-agent"],
  ["/usr/local/bin/openclaw-server", "openclaw-agent"],
  ["/usr/local/bin/openclaw", "openclaw-agent"],
  ["dist/openclaw-server", "openclaw-agent"],
  ["dist/openclaw-linux-x64", "openclaw-agent"],
  ["dist/openclaw-server-darwin-arm64", "openclaw-agent"],
  ["/usr/local/bin/fleetd.openclaw-new", "openclaw-agent"],
  ["/opt/My Agent", "openclaw-agent"],
];
for (const [path, word] of files) {
  Deno.test(`a program that is started as ${path} calls everything ${word}`, () =>
    assert.equal(nameOfFile(path), word));
}

Deno.test("another name has a label of its own, and folders of its own", () => {
  assert.equal(namesOf("openclaw-agent").label, "dev.openclaw.agent");
  assert.notEqual(namesOf("agent").label, "dev.openclaw.agent");
  const { credentials, state } = placesOf(variables({ HOME: "/h", OPENCLAW_NAME: "fleetd" }), "linux");
  assert.deepEqual([credentials, state], ["/h/.config/fleetd/credentials.json", "/h/.local/state/fleetd"]);
});
