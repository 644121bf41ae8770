import { PGlite } from "@electric-sql/pglite";
import assert from "node:assert/strict";

Deno.test("a user who may make roles and is no superuser, on Postgres 16 or later → may become the service role", async () => {
  const database = await PGlite.create();
  try {
    const { rows } = await database.query<{ version: number }>(
      "select current_setting('server_version_num')::integer as version",
    );
    assert.ok((rows[0]?.version ?? 0) >= 160000, "PGlite is older than the rule that this is about");
    await database.exec(
      "create role maker createrole; grant create on database postgres to maker; set role maker;",
    );
    await database.exec(
      await Deno.readTextFile(new URL("../../cli/serve/store/platform.sql", import.meta.url)),
    );
    await database.exec("set role service_role");
    assert.deepEqual((await database.query("select current_user as who")).rows, [{ who: "service_role" }]);
  } finally {
    await database.close();
  }
});
