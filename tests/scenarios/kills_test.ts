import { killOverPglite, killOverPostgres, storyOf } from "../_support/kills.ts";
import { findPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";

// tests/long/scenarios/kills_test.ts kills two hundred times.
const kills = 2;
const postgres = await part("Postgres 15 or later", findPostgres);

Deno.test(storyOf(kills, "PGlite"), () => killOverPglite(kills));

postgres.test(storyOf(kills, "a real Postgres"), (bin) => killOverPostgres(bin, kills));
