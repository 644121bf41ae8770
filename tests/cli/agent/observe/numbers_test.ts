import assert from "node:assert/strict";
import { listNames, numbersOf } from "../../../../cli/agent/observe/numbers.ts";

/** What a program prints, what a beat holds of it, and what it does not. */
const cases: [name: string, said: unknown, metrics: Record<string, number>, lost?: string[]][] = [
  ["camelCase becomes snake_case", { totalTokens: 5, p95Ms: 1.5, HTTPErrors: 2 }, {
    total_tokens: 5,
    p95_ms: 1.5,
    http_errors: 2,
  }],
  ["nested objects are joined", { nested: { a: 1, bC: { d: -2 } } }, { nested_a: 1, nested_b_c_d: -2 }],
  ["a number in quotes is a text", { cost_usd: "0.3", cost: 0.3 }, { cost: 0.3 }, ["cost_usd"]],
  ["what is not a number is named by its path", { usage: { days: [1], on: true, none: null } }, {}, [
    "usage.days",
    "usage.on",
    "usage.none",
  ]],
  ["a name that no server takes is named", { "a b": 1, "2nd": 1, "ß": 1, ["x".repeat(64)]: 1 }, {}, [
    "2nd",
    "a b",
    "x".repeat(64),
    "ß",
  ]],
  ["of two that come to one name the exact one stays", { Queue: 1, queue: 3 }, { queue: 3 }, ["Queue"]],
  ["of two that come to one name the first stays", { aB: 1, a: { b: 2 } }, { a_b: 2 }, ["aB"]],
  ["infinity is not a number", { endless: Infinity }, {}, ["endless"]],
  ["an object without fields is nothing", { none: {} }, {}],
  ["no object is nothing", undefined, {}],
];

for (const [name, said, metrics, lost = []] of cases) {
  Deno.test(`the metrics of a command: ${name}`, () => {
    const numbers = numbersOf(said);
    assert.deepEqual({ metrics: numbers.metrics, lost: numbers.lost.sort() }, {
      metrics,
      lost: [...lost].sort(),
    });
  });
}

Deno.test("what nests too deeply is lost, not followed for ever", () => {
  let deep: unknown = 1;
  for (let level = 0; level < 2000; level++) deep = { a: deep };
  const { metrics, lost } = numbersOf(deep);
  assert.deepEqual([metrics, lost], [{}, ["a.a.a.a.a.a.a.a"]]);
});

Deno.test("a list of names is one line of the log, however many there are and whatever is in them", () => {
  assert.equal(listNames(["a", "b\u001b[31m"]), "a, b?[31m");
  assert.match(listNames(Array.from({ length: 30 }, (_, index) => `n${index}`)), /^n0, .*n9 and 20 more$/);
});
