import { killOverPglite, killOverPostgres, storyOf } from "../../_support/kills.ts";
import { findPostgres } from "../../_support/postgres.ts";
import { part } from "../../_support/require.ts";
import { share } from "../../_support/seed.ts";

const kills = share(200);
const postgres = await part("Postgres 15 or later", findPostgres);

Deno.test(storyOf(kills, "PGlite"), () => killOverPglite(kills));

postgres.test(storyOf(kills, "a real Postgres"), (bin) => killOverPostgres(bin, kills));
