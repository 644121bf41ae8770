import { compareParsers } from "../../../_support/compare_parsers.ts";
import { seededRandom } from "../../../_support/seed.ts";

Deno.test({
  name: "mutated requests → taken and refused as node:http does, whole and in pieces",
  // There, node:http is made of Deno.serve.
  ignore: Deno.version.deno.startsWith("2.4."),
  fn: () => compareParsers(300, seededRandom("parser")),
});
