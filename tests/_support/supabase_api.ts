import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { findPostgres, startPostgres, type TestPostgres } from "./postgres.ts";
import { findPostgrest, type Postgrest, startPostgrest } from "./postgrest.ts";
import { asUser, databaseName, execute } from "./sql.ts";
import { migrationFiles } from "./supabase_cli.ts";
import { supabaseLike } from "./supabase_platform.ts";

/** A Supabase project's API: its gateway, PostgREST and Postgres; `await using` ends them. */
export interface SupabaseApi extends AsyncDisposable {
  url: string;
  secretKey: string;
  publishableKey: string;
  /** The two users that there are. */
  userIds: readonly [string, string];
  /** The keys that users' tokens are verified with, as JSON. */
  jwks: string;
  /** An access token as Auth issues them, but for the changes. */
  token: (claims: Record<string, unknown>) => Promise<string>;
  /** The database, for a superuser. */
  address: string;
  postgres: TestPostgres;
  postgrest: Postgrest;
}

/** The programs that it is made of. */
export interface SupabaseApiParts {
  bin: string;
  postgrest: string;
}

export const supabaseApiParts = "Postgres 15 or later, or PostgREST from npm";

const secretKey = "sb_secret_for_the_tests_alone_000000000000";
const publishableKey = "sb_publishable_for_the_tests_00000000000";
const userIds = ["a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"] as const;
const migrations = fileURLToPath(new URL("../../supabase/", import.meta.url));

export async function findSupabaseApi(): Promise<SupabaseApiParts | null> {
  const bin = await findPostgres();
  const postgrest = bin === null ? null : await findPostgrest();
  return bin === null || postgrest === null ? null : { bin, postgrest };
}

/** Starts the API over a new database that has our migrations, as a project has them after `supabase db push`. */
export async function startSupabaseApi(parts: SupabaseApiParts): Promise<SupabaseApi> {
  const postgres = await startPostgres(parts.bin);
  const open: AsyncDisposable[] = [postgres];
  const close = async (): Promise<void> => {
    for (const one of open.reverse()) await one[Symbol.asyncDispose]();
  };
  try {
    const address = await makeDatabase(postgres);
    const { jwks, token } = await makeIssuer();
    const postgrest = await startPostgrest(parts.postgrest, {
      address: asUser(address, "authenticator"),
      jwks,
    });
    open.push(postgrest);
    const gateway = await startGateway(postgrest, token);
    open.push(gateway);
    const { url } = gateway;
    const keys = { secretKey, publishableKey };
    return { url, ...keys, userIds, jwks, token, address, postgres, postgrest, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeDatabase(postgres: TestPostgres): Promise<string> {
  const address = await postgres.createDatabase();
  await execute(
    address,
    `${supabaseLike} grant create on database ${databaseName(address)} to project_owner;`,
  );
  const files = (await migrationFiles()).map((file) => Deno.readTextFile(join(migrations, file)));
  await execute(asUser(address, "project_owner"), (await Promise.all(files)).join("\n"));
  await execute(address, `insert into auth.users (id) values ('${userIds.join("'), ('")}')`);
  return address;
}

interface Issuer {
  /** Its public keys. */
  jwks: string;
  token: SupabaseApi["token"];
}

/** Signs what Supabase's Auth and its gateway sign. */
async function makeIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwks = JSON.stringify({ keys: [{ ...await exportJWK(publicKey), kid: "project", alg: "ES256" }] });
  const token = (claims: Record<string, unknown>): Promise<string> =>
    new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "project" })
      .sign(privateKey);
  return { jwks, token };
}

/**
 * As the platform's gateway: an API key that stands for itself becomes a token of its role, and a user's token
 * beside it goes on as it is.
 */
async function startGateway(
  postgrest: Postgrest,
  token: Issuer["token"],
): Promise<{ url: string } & AsyncDisposable> {
  const roles = new Map([
    [secretKey, await token({ role: "service_role" })],
    [publishableKey, await token({ role: "anon" })],
  ]);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, (request) => {
    const apikey = request.headers.get("apikey");
    const role = roles.get(apikey ?? "");
    if (role === undefined) {
      const message = apikey === null ? "No API key found in request" : "Invalid API key";
      return Response.json({ message }, { status: 401 });
    }
    const authorization = request.headers.get("authorization");
    const isUsers = authorization !== null && authorization !== `Bearer ${apikey}`;
    return forward(request, postgrest.url(), isUsers ? authorization : `Bearer ${role}`);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function forward(request: Request, upstream: string | null, authorization: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.set("authorization", authorization);
  headers.delete("host");
  const body = request.body === null ? null : await request.arrayBuffer();
  try {
    if (upstream === null) throw new TypeError("PostgREST does not run");
    const address = `${upstream}${pathname.replace(/^\/rest\/v1/, "")}${search}`;
    return await fetch(address, { method: request.method, headers, body });
  } catch (error) {
    // fetch's only way to say that nobody answered.
    if (!(error instanceof TypeError)) throw error;
    return new Response("<html><body>Bad gateway</body></html>", { status: 502 });
  }
}
