import assert from "node:assert/strict";
import { cleanHostname } from "../../../cli/agent/agent.ts";

for (
  const [name, given, expected] of [
    ["a usual one", "edge-1.example.com", "edge-1.example.com"],
    ["a CR at its end", "edge\r", "edge-"],
    ["a tab, an escape and DEL", "a\tb\x1b[0m\x7f", "a-b-[0m-"],
    ["C1", "a\x85b\x9f", "a-b-"],
    ["half of a surrogate", "a\ud800b", "a-b"],
    ["words beyond ASCII", "jörgs rechner 漢", "jörgs rechner 漢"],
    ["none", "", "unknown"],
    ["300 characters of two units", "😀".repeat(300), "😀".repeat(255)],
  ] as const
) {
  Deno.test(`a hostname that has ${name} is cleaned, not refused`, () => {
    const clean = cleanHostname(given);
    assert.equal(clean, expected);
    assert.ok([...clean].length <= 255 && clean.isWellFormed());
  });
}
