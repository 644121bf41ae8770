import { startWorker } from "../_support/edge.ts";
import { startSupabaseApi, type SupabaseApiParts } from "../_support/supabase_api.ts";
import { addToPostgres, type Fleet } from "./_fleet.ts";
import { fewAgents } from "./_rows.ts";
import { loadSubject, type Subject } from "./_subject.ts";

export const names = { alone: "the function, each call one beat", together: "the function, 32 connections" };

/**
 * The heartbeat function under the Edge Runtime's Deno, over PostgREST and Postgres. Its CPU as "server" is that of the
 * function; the database's is that of PostgREST and Postgres. What stands for the platform's gateway is in neither.
 */
export async function functionSubjects(
  { parts, deno }: { parts: SupabaseApiParts; deno: string },
  fleet: Fleet,
  opened: AsyncDisposableStack,
): Promise<Subject[]> {
  const api = opened.use(await startSupabaseApi(parts));
  await addToPostgres(api.address, fleet.ids.slice(0, fewAgents));
  const env = {
    ...fleet.env,
    SUPABASE_URL: api.url,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: api.secretKey }),
    SUPABASE_JWKS: api.jwks,
  };
  const worker = startWorker(deno, { name: "heartbeat", env, output: [] });
  opened.defer(() => worker.stop());
  const target = {
    url: `${await worker.address}/heartbeat`,
    server: [worker.pid],
    database: [api.postgrest.pid() ?? NaN, await api.postgres.pid()],
  };
  return [[names.alone, 1] as const, [names.together, 32] as const].map(([name, connections]) =>
    loadSubject({ name, part: "functions" }, target, {
      kind: "beat",
      connections,
      file: fleet.file,
      agents: fewAgents,
    })
  );
}
