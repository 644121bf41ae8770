import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { issueSession } from "../../supabase/functions/_shared/auth.ts";
import { generateSigningKey, importKeyRing } from "../../supabase/functions/_shared/keys.ts";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { copyDatabaseTemplate } from "../_support/database_template.ts";
import { withSql } from "../_support/sql.ts";
import { agentSecret } from "../_support/vectors.ts";

/** Agents that every server of a run knows, with a session each that is good on all of them. */
export interface Fleet {
  ids: readonly string[];
  /** Lines of "<agent id> <session token>". */
  file: string;
  secret: string;
  /** What a server is given, so that it takes these sessions. */
  env: Record<string, string>;
}

const publicUrl = "http://fleet.example";
/** Longer than a run, so that no server has to note thousands as late while another one is measured. */
const intervalSeconds = 3600;
const add = `
  insert into public.agents (id, name, agent_secret, secret_created_at, labels, heartbeat_interval_seconds)
  select a.id, 'web-' || a.place, '${digestSecret(agentSecret)}', now(), '{"site": "Linz", "rack": "7"}',
    ${intervalSeconds}
  from unnest($1::uuid[]) with ordinality as a (id, place)`;
const settle = ["vacuum analyze public.agents", "vacuum analyze public.agent_beats", "checkpoint"];
const count = "select coalesce(sum(heartbeats_count), 0)::integer as beats from public.agent_beats";

export async function makeFleet(folder: string, size: number): Promise<Fleet> {
  const set = { keys: [await generateSigningKey()] };
  const keys = await importKeyRing(set);
  const ids = Array.from({ length: size }, () => crypto.randomUUID());
  const file = join(folder, "agents");
  const session = { epoch: 1, issuer: `${publicUrl}/functions/v1`, lifetimeSeconds: 86_400, now: new Date() };
  const lines: string[] = [];
  for (const agentId of ids) lines.push(`${agentId} ${issueSession(keys, { agentId, ...session })}\n`);
  await Deno.writeTextFile(file, lines.join(""), { mode: 0o600 });
  const env = { AGENT_JWT_KEYS: JSON.stringify(set), OPENCLAW_PUBLIC_URL: publicUrl };
  return { ids, file, secret: agentSecret, env };
}

/** Adds agents to a database that a server has migrated. */
export async function addToPostgres(address: string, ids: readonly string[]): Promise<void> {
  await withSql(address, async (sql) => {
    await sql.unsafe(add, [[...ids]]);
    for (const statement of settle) await sql.unsafe(statement);
  });
}

/** Makes a data folder of a server that has these agents. */
export async function makeEmbedded(data: string, ids: readonly string[]): Promise<void> {
  await copyDatabaseTemplate(data);
  await withEmbedded(data, async (database) => {
    await database.query(add, [ids]);
    for (const statement of settle) await database.exec(statement);
  });
}

export async function beatsOfPostgres(address: string): Promise<number> {
  return await withSql(address, async (sql) => Number((await sql.unsafe(count))[0]?.beats));
}

/** Of a server that was stopped. */
export async function beatsOfEmbedded(data: string): Promise<number> {
  return await withEmbedded(
    data,
    async (database) => Number((await database.query<{ beats: number }>(count)).rows[0]?.beats),
  );
}

async function withEmbedded<Result>(
  data: string,
  work: (database: PGlite) => Promise<Result>,
): Promise<Result> {
  const database = await PGlite.create({ dataDir: join(data, "postgres") });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
