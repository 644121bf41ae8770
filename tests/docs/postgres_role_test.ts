import assert from "node:assert/strict";
import { FleetClient } from "../_support/client.ts";
import { findPostgres, withPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { startServerProcess, temporaryFolder } from "../_support/server.ts";
import { withSql } from "../_support/sql.ts";
import { blocksOf, pageAt } from "./_pages.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("the SQL of docs/operating.md makes a role with no other right, and the server migrates and serves with it", (bin) =>
  withPostgres(bin, async (cluster) => {
    const admin = await cluster.createDatabase();
    const statements = (await readSql("Over a Postgres of your own")).split(";").map((one) => one.trim())
      .filter((one) => one !== "");
    await withSql(admin, async (sql) => {
      // Each by itself, as psql sends them: a database is not created within a transaction.
      for (const statement of statements) await sql.unsafe(statement);
    });
    const rights = await withSql(
      admin,
      (sql) =>
        sql`select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'openclaw'`,
    );
    assert.deepEqual([...rights], [
      { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false },
    ]);

    await using folder = await temporaryFolder();
    const address = `postgres://openclaw@127.0.0.1:${cluster.port}/openclaw`;
    await using server = await startServerProcess({ data: folder.path, env: { DATABASE_URL: address } });
    const fleet = new FleetClient(server.base, server.operatorKey);
    const { id } = await fleet.createAgent();
    assert.equal((await fleet.agent(id)).liveness, "pending");
    const rows = await withSql(address, async (sql) => sql.unsafe(await readSql("The fleet")));
    assert.deepEqual(rows.map(({ liveness }) => liveness), ["pending"]);

    const [makeRole = "", letRead = ""] = (await readSql("Grafana")).split(";");
    await withSql(admin, async (sql) => void await sql.unsafe(makeRole));
    await withSql(address, async (sql) => void await sql.unsafe(letRead));
    await withSql(address.replace("openclaw@", "grafana@"), async (sql) => {
      assert.deepEqual([...await sql`select name, liveness from public.fleet`], [
        { name: "test agent", liveness: "pending" },
      ]);
      await assert.rejects(sql`select agent_secret from public.agents`, { code: "42501" });
    });
  }));

/** The SQL that docs/operating.md has below this heading. */
async function readSql(heading: string): Promise<string> {
  const page = await pageAt("docs/operating.md");
  const [block, second] = blocksOf(page, heading).filter(({ language }) => language === "sql");
  assert.ok(block !== undefined && second === undefined);
  return block.lines.join("\n");
}
