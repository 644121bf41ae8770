// A Supabase project's API that none of us wrote, in a process of its own: @supabase/lite speaks PostgREST over
// a PGlite in memory. Prints its address. Its arguments: the secret API key, and a user's id.
import { answer } from "../../cli/terminal/output.ts";

interface Lite {
  App: new (config: object) => {
    fetch: (request: Request, context?: { peerAddress: string | null }) => Promise<Response>;
  };
}

interface LitePglite {
  createPgliteConnection: (config: object) => Promise<{
    driver: {
      exec: (sql: string) => Promise<unknown>;
      query: (sql: string, parameters: unknown[]) => Promise<unknown>;
    };
  }>;
}

// Not as a literal: the lock file would take in its hundred packages, and change how ours are resolved.
const lite = "npm:@supabase/lite@0.10.0";
const { App }: Lite = await import(lite);
const { createPgliteConnection }: LitePglite = await import(`${lite}/pglite`);

const root = new URL("../../", import.meta.url);
const [secretKey = "", userId = ""] = Deno.args;
const connection = await createPgliteConnection({});
const migrations = await readMigrations();
await connection.driver.exec(await Deno.readTextFile(new URL("cli/serve/store/platform.sql", root)));
await connection.driver.exec(migrations);
await connection.driver.query("insert into auth.users (id) values ($1)", [userId]);
const app = new App({
  connection,
  auth: { enabled: false, secret_key: secretKey, publishable_key: "sb_publishable_for_the_tests" },
});
await takeBackItsGrants();
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => answer(`http://127.0.0.1:${port}`),
}, async (request, { remoteAddr }) => {
  const peerAddress = "hostname" in remoteAddr ? remoteAddr.hostname : null;
  return await app.fetch(request, { peerAddress });
});

async function readMigrations(): Promise<string> {
  const folder = new URL("supabase/migrations/", root);
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) files.push(name);
  const texts = files.sort().map((name) => Deno.readTextFile(new URL(name, folder)));
  return (await Promise.all(texts)).join("\n");
}

/**
 * Where it is wrong (0.10.0): with its first request it grants everything on every table and view to anon,
 * authenticated and service_role, over what the migrations revoked. So: one request, and the migrations' own
 * grants again.
 */
async function takeBackItsGrants(): Promise<void> {
  const first = await app.fetch(
    new Request("http://127.0.0.1/rest/v1/agents?select=id&limit=1", { headers: { apikey: secretKey } }),
  );
  await first.body?.cancel();
  await connection.driver.exec(
    "revoke all on all tables in schema public from anon, authenticated, service_role",
  );
  for (const [grant] of migrations.matchAll(/^grant (?:select|insert|update)[^;]*;/gm)) {
    await connection.driver.exec(grant);
  }
}
