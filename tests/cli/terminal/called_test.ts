import assert from "node:assert/strict";
import { asCalled, calledAs, repeatConnection, repeatName } from "../../../cli/terminal/called.ts";

const texts: [text: string, shown: string][] = [
  ["openclaw configure", `${calledAs} configure`],
  [
    "sudo openclaw service install, or openclaw status",
    `sudo ${calledAs} service install, or ${calledAs} status`,
  ],
  ["openclaw-server serve", "openclaw-server serve"],
  ["/usr/local/bin/openclaw-agent heartbeat", "/usr/local/bin/openclaw-agent heartbeat"],
  ["dist/openclaw service install", "dist/openclaw service install"],
  ["call the program openclaw, too", "call the program openclaw, too"],
  [`${calledAs} doctor`, `${calledAs} doctor`],
];
for (const [text, shown] of texts) {
  Deno.test(`a hint "${text}" names the program as it was called`, () => assert.equal(asCalled(text), shown));
}

Deno.test("a hint repeats the --name that was given", () => {
  repeatName("fleetd");
  try {
    assert.equal(asCalled("sudo openclaw service install"), `sudo ${calledAs} --name fleetd service install`);
    assert.equal(asCalled("openclaw-server serve"), "openclaw-server serve");
  } finally {
    repeatName(null);
  }
});

const url = "https://fleet.example";
const shownWith: [text: string, shown: string][] = [
  ["openclaw fleet", `${calledAs} fleet --url ${url}`],
  ["openclaw channels test 7", `${calledAs} channels test --url ${url} 7`],
  [
    "openclaw doctor, or openclaw status",
    `${calledAs} doctor --url ${url}, or ${calledAs} status --url ${url}`,
  ],
  ["openclaw agents show --url https://b.example", `${calledAs} agents show --url https://b.example`],
  ["openclaw configure", `${calledAs} configure`],
  ["openclaw fleet-wide", `${calledAs} fleet-wide`],
];
for (const [text, shown] of shownWith) {
  Deno.test(`with --url, a hint "${text}" asks the same server`, () => {
    repeatConnection(` --url ${url}`);
    try {
      assert.equal(asCalled(text), shown);
    } finally {
      repeatConnection("");
    }
  });
}
