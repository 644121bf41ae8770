import { compareParsers } from "../../_support/compare_parsers.ts";
import { seededRandom, share } from "../../_support/seed.ts";

const rounds = share(20_000);

Deno.test(`${rounds} mutated requests → taken and refused as node:http does, whole and in pieces`, () =>
  compareParsers(rounds, seededRandom("parser")));
