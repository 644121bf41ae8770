import assert from "node:assert/strict";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import {
  parseChoice,
  parseFields,
  parseLabels,
  parseMetrics,
  parseText,
  parseTime,
  parseUuid,
  parseWholeNumber,
} from "../../../supabase/functions/_shared/http/fields.ts";

/** Asserts that a parser refuses, naming the field and repeating nothing of its value. */
function refused(parse: () => unknown, field: string): void {
  assert.throws(parse, (error: Error) => {
    assert.ok(error instanceof ContractError, String(error));
    assert.equal(error.code, "invalid_request");
    assert.ok(error.message.startsWith(`Cannot read the request: "${field}" `), error.message);
    return true;
  });
}

const control = (code: number): string => `a${String.fromCodePoint(code)}b`;

const goodTexts: [name: string, value: string][] = [
  ["one character", "a"],
  ["ten characters", "a".repeat(10)],
  ["ten emoji, which are twenty UTF-16 units", "🦊".repeat(10)],
  ["spaces around it", " a "],
  ["a no-break space, the first after C1", control(0xa0)],
  ["a tilde, the last before DEL", control(0x7e)],
  ["right-to-left marks", "\u202ea\u200f"],
  ["a line separator", "a\u2028b"],
  ["a noncharacter", "a\uffffb"],
  ["combining marks", "e\u0301"],
];

for (const [name, value] of goodTexts) {
  Deno.test(`a text with ${name} is taken as it is`, () => {
    assert.equal(parseText(value, "name", { shortest: 1, longest: 10 }), value);
  });
}

const badTexts: [name: string, value: unknown][] = [
  ["nothing in it", ""],
  ["eleven characters", "a".repeat(11)],
  ["eleven emoji", "🦊".repeat(11)],
  ["a NUL", control(0)],
  ["a tab", control(9)],
  ["a newline", control(10)],
  ["a carriage return", control(13)],
  ["an escape", control(0x1b)],
  ["the last of C0", control(0x1f)],
  ["a DEL", control(0x7f)],
  ["the first of C1", control(0x80)],
  ["a NEL", control(0x85)],
  ["the last of C1", control(0x9f)],
  ["a high surrogate alone", "a\ud83e"],
  ["a low surrogate alone", "\udd8aa"],
  ["surrogates in the wrong order", "\udd8a\ud83e"],
];
const noTexts: [name: string, value: unknown][] = [
  ["null", null],
  ["missing", undefined],
  ["a number", 1],
  ["true", true],
  ["a list", ["a"]],
  ["an object", { a: 1 }],
];

for (const [name, value] of badTexts) {
  Deno.test(`a text with ${name} is refused`, () => {
    refused(() => parseText(value, "name", { shortest: 1, longest: 10 }), "name");
  });
}

for (const [name, value] of noTexts) {
  Deno.test(`a text that is ${name} is refused`, () => {
    refused(() => parseText(value, "name", { longest: 10 }), "name");
  });
}

Deno.test("a text with newlines is taken where newlines may be, other controls are not", () => {
  const rule = { longest: 10, newlines: true };
  assert.equal(parseText("a\nb\n", "message", rule), "a\nb\n");
  for (const code of [0, 9, 11, 12, 13, 0x1b, 0x1f, 0x7f, 0x80, 0x9f]) {
    refused(() => parseText(control(code), "message", rule), "message");
  }
});

for (
  const value of ["0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", "0C5F8A4E-6A5C-4D8F-9A39-6F2F8F0F4B11"]
) {
  Deno.test(`the uuid ${value} is taken, in lower case`, () => {
    assert.equal(parseUuid(value, "id"), "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11");
  });
}

for (
  const value of [
    null,
    undefined,
    1,
    "",
    "0c5f8a4e6a5c4d8f9a396f2f8f0f4b11",
    "{0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11}",
    "urn:uuid:0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11",
    "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b1",
    "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11\n",
    " 0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11",
    "0g5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11",
    "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b１１",
    ["0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11"],
  ]
) {
  Deno.test(`${JSON.stringify(value) ?? "nothing"} is no uuid`, () =>
    refused(() => parseUuid(value, "id"), "id"));
}

for (const value of [5, 6, 10]) {
  Deno.test(`${value} is a whole number from 5 to 10`, () => {
    assert.equal(parseWholeNumber(value, "seq", { from: 5, to: 10 }), value);
  });
}

for (const value of [4, 11, 5.5, -5, NaN, Infinity, "5", "", true, null, undefined, [5], {}, 2 ** 53]) {
  Deno.test(`${Deno.inspect(value)} is no whole number from 5 to 10`, () => {
    refused(() => parseWholeNumber(value, "seq", { from: 5, to: 10 }), "seq");
  });
}

for (
  const value of [
    "2026-11-23T12:00:00Z",
    "2026-11-23T12:00:00.123Z",
    "2026-11-23T12:00:00.123456789Z",
    "2026-11-23T12:00:00+00:00",
    "2026-11-23t12:00:00z",
    "2024-02-29T23:59:59Z",
    "0001-01-01T00:00:00Z",
  ]
) {
  Deno.test(`${value} is a time in UTC`, () => {
    const time = parseTime(value, "sent_at").toISOString();
    assert.equal(time.slice(0, 19), value.slice(0, 19).toUpperCase());
  });
}

for (
  const value of [
    null,
    1_790_000_000,
    "",
    "now",
    "2026-11-23",
    "2026-11-23 12:00:00Z",
    "2026-11-23T12:00:00",
    "2026-11-23T12:00:00+01:00",
    "2026-11-23T12:00Z",
    "2026-11-23T12:00:00.Z",
    "2026-11-23T12:00:00,5Z",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:60:00Z",
    "0000-01-02T00:00:00Z",
    "+002026-11-23T12:00:00Z",
    "2026-11-23T12:00:00Z\n",
  ]
) {
  Deno.test(`${JSON.stringify(value)} is no time in UTC`, () =>
    refused(() => parseTime(value, "sent_at"), "sent_at"));
}

Deno.test("a choice is one of its words, as they are written", () => {
  const words = ["bash", "python"] as const;
  assert.equal(parseChoice("python", "installer", words), "python");
  for (const value of ["Python", "python ", "", "zsh", null, undefined, 0, ["bash"], "toString"]) {
    refused(() => parseChoice(value, "installer", words), "installer");
  }
});

Deno.test("an object is an object: no list, no null, no text", () => {
  assert.deepEqual(parseFields({ a: 1 }, "client"), { a: 1 });
  for (const value of [null, undefined, [], "{}", 1, true]) {
    refused(() => parseFields(value, "client"), "client");
  }
});

const label63 = "a".repeat(63);
const goodLabels: [name: string, value: Record<string, string>][] = [
  ["nothing", {}],
  ["an empty value", { region: "" }],
  ["a value of 255 characters", { region: "a".repeat(255) }],
  ["a value of 255 emoji", { region: "🦊".repeat(255) }],
  ["a key of 63 characters", { [label63]: "a" }],
  ["all that a key may have", { "a-z_0.9": "a" }],
  ["keys of one character each", { ".": "a", "-": "b", _: "c", "0": "d" }],
  ["32 entries", Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`k${index}`, "a"]))],
  ["the names of what every object has", { constructor: "a", "tostring": "b" }],
];

for (const [name, value] of goodLabels) {
  Deno.test(`labels with ${name} are taken`, () => assert.deepEqual(parseLabels(value), value));
}

Deno.test("__proto__ is a label like any other", () => {
  const labels = parseLabels(JSON.parse('{"__proto__": "mine", "a": "b"}'));
  assert.deepEqual(Object.entries(labels), [["__proto__", "mine"], ["a", "b"]]);
  assert.equal(Object.getPrototypeOf(labels), Object.prototype);
  assert.equal(JSON.stringify(labels), '{"__proto__":"mine","a":"b"}');
});

const badLabels: [name: string, value: unknown, field: string][] = [
  ["null", null, "labels"],
  ["a list", [], "labels"],
  ["a text", "a=b", "labels"],
  ["33 entries", Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, "a"])), "labels"],
  ["an empty key", { "": "a" }, "labels"],
  ["a key of 64 characters", { [`${label63}a`]: "a" }, "labels"],
  ["an upper case key", { Region: "a" }, "labels"],
  ["a space in a key", { "a b": "a" }, "labels"],
  ["a slash in a key", { "a/b": "a" }, "labels"],
  ["a newline after a key", { "a\n": "a" }, "labels"],
  ["a key outside ASCII", { é: "a" }, "labels"],
  ["a number", { region: 1 }, "labels.region"],
  ["a null", { region: null }, "labels.region"],
  ["an object", { region: { a: "b" } }, "labels.region"],
  ["a value of 256 characters", { region: "a".repeat(256) }, "labels.region"],
  ["a value with a NUL", { region: "\0" }, "labels.region"],
  ["a value with a newline", { region: "a\nb" }, "labels.region"],
  ["a value with a lone surrogate", { region: "\ud83e" }, "labels.region"],
];

for (const [name, value, field] of badLabels) {
  Deno.test(`labels with ${name} are refused`, () => refused(() => parseLabels(value), field));
}

const goodMetrics: [name: string, value: Record<string, number>][] = [
  ["nothing", {}],
  ["the known names", {
    cpu_percent: 12.5,
    memory_percent: 0,
    disk_percent: 100,
    load_1m: 0.25,
    uptime_seconds: 1,
    latency_ms: 3,
  }],
  ["a negative number and the greatest one", { low: -1, high: Number.MAX_VALUE }],
  ["a key of 63 characters", { [label63]: 1 }],
  ["32 entries", Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`k${index}`, index]))],
];

for (const [name, value] of goodMetrics) {
  Deno.test(`metrics with ${name} are taken`, () => assert.deepEqual(parseMetrics(value), value));
}

const badMetrics: [name: string, json: string, field: string][] = [
  ["null", "null", "metrics"],
  ["a list", "[1]", "metrics"],
  ["33 entries", manyMetrics(33), "metrics"],
  ["10,000 entries", manyMetrics(10_000), "metrics"],
  ["an empty key", '{"": 1}', "metrics"],
  ["a key of 64 characters", `{"${label63}a": 1}`, "metrics"],
  ["a key that starts with a digit", '{"1m": 1}', "metrics"],
  ["a key that starts with _", '{"_a": 1}', "metrics"],
  ["__proto__", '{"__proto__": 1}', "metrics"],
  ["a dash in a key", '{"a-b": 1}', "metrics"],
  ["an upper case key", '{"Cpu": 1}', "metrics"],
  ["1e999", '{"load_1m": 1e999}', "metrics.load_1m"],
  ["-1e999", '{"load_1m": -1e999}', "metrics.load_1m"],
  ["NaN as a text", '{"load_1m": "NaN"}', "metrics.load_1m"],
  ["a number as a text", '{"load_1m": "1"}', "metrics.load_1m"],
  ["true", '{"load_1m": true}', "metrics.load_1m"],
  ["a null", '{"load_1m": null}', "metrics.load_1m"],
  ["a list in it", '{"load_1m": [1]}', "metrics.load_1m"],
];

for (const [name, json, field] of badMetrics) {
  Deno.test(`metrics with ${name} are refused`, () => refused(() => parseMetrics(JSON.parse(json)), field));
}

function manyMetrics(count: number): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index])),
  );
}
