import assert from "node:assert/strict";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { askAsOwner } from "../../../../cli/serve/store/as_owner.ts";
import { callParameters, callStatement } from "../../../../cli/serve/store/connection.ts";
import { PreparedCalls } from "../../../../cli/serve/store/prepared.ts";
import { SqlArray, type SqlCall } from "../../../../supabase/functions/_shared/database/port.ts";
import { copyDatabaseTemplate } from "../../../_support/database_template.ts";
import { withFolderInMemory } from "../../../_support/server.ts";

const functions = `
  create function public.texts(given text[]) returns text[] language sql as 'select given';
  create function public.numbers(given bigint[], one integer) returns jsonb language sql as
    'select jsonb_build_object(''given'', given, ''one'', one)';
  create function public.object(given jsonb) returns jsonb language sql as 'select given';
  create function public.flag(given boolean) returns boolean language sql as 'select not given';
  create function public.nothing(given text) returns void language sql as 'select null';
  create function public.moment(given timestamptz) returns timestamptz language sql as 'select given';
  create function public.caller() returns text language sql as 'select current_user::text';
  create function public.failing(given integer) returns integer language sql as 'select 12 / given';
`;
const hard = ["", " ", '"', "\\", "{,}", "null", "NULL", "Ω\n\t", "'", null];

const calls: [name: string, args: SqlCall["args"]][] = [
  ["texts", { given: SqlArray.column(hard, (text) => text) }],
  ["texts", { given: new SqlArray() }],
  ["texts", { given: null }],
  ["numbers", { given: SqlArray.column([1, -9007199254740991, null], (number) => number), one: 7 }],
  ["numbers", { given: null, one: null }],
  ["object", { given: { list: hard, nested: { number: 0.5, no: null } } }],
  ["object", { given: [1, "two", null] }],
  ["flag", { given: true }],
  ["flag", { given: false }],
  ["nothing", { given: "x" }],
  ["moment", { given: "2026-11-28T10:00:00.123Z" }],
];

Deno.test("prepared calls", async (test) => {
  await withFolderInMemory(async (data) => {
    await copyDatabaseTemplate(data);
    await using database = await PGlite.create({ dataDir: join(data, "postgres") });
    await database.exec(functions);
    const prepared = new PreparedCalls(database);
    const make = (name: string, args: SqlCall["args"]): Promise<unknown> => prepared.make(callOf(name, args));

    await test.step("whatever is given → as PGlite's own query has it, at the first call and the second", async () => {
      for (const [name, args] of calls) {
        const call = callOf(name, args);
        const { rows: [row] } = await database.query<{ result: unknown }>(
          callStatement(call),
          callParameters(call),
        );
        for (const _ of ["first", "second"]) {
          assert.deepEqual(await make(name, args), row?.result, `${name} ${JSON.stringify(args)}`);
        }
      }
    });

    await test.step("a call that fails → its SQLSTATE, and the next ones are answered", async () => {
      const calls = [0, "x", 3, 0, 4].map((given) => make("failing", { given }).catch(({ code }) => code));
      assert.deepEqual(await Promise.all(calls), ["22012", "22P02", 4, "22012", 3]);
    });

    await test.step("a function that is made after a call of it → the next one is answered", async () => {
      await assert.rejects(make("late", { given: 1 }), { code: "42883" });
      await database.exec(
        "create function public.late(given integer) returns integer language sql as 'select given'",
      );
      assert.equal(await make("late", { given: 1 }), 1);
    });

    await test.step("calls while the owner asks, some of which fail → none as the owner, none fails with another", async () => {
      await database.exec("set role service_role");
      let isOver = false;
      const seen: unknown[] = [];
      const calling = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          // What waits for the system may go on in the middle of anything.
          await Deno.stat(data);
          await make("failing", { given: 0 }).catch(({ code }) => seen.push(code));
          seen.push(await make("caller", {}));
        }
      });
      const asked: unknown[] = [];
      for (let count = 0; count < 100; count++) {
        await Deno.stat(data);
        asked.push(...await askAsOwner(database, "select current_user::text as name"));
      }
      isOver = true;
      await Promise.all(calling);
      assert.deepEqual(asked, Array.from({ length: 100 }, () => ({ name: "postgres" })));
      assert.ok(seen.length > 100, `${seen.length} calls`);
      assert.deepEqual([...new Set(seen)].toSorted(), ["22012", "service_role"]);
      await database.exec("reset role");
    });

    await test.step("one statement for all calls of a function", async () => {
      const { rows } = await database.query<{ times: number }>(
        "select count(*)::integer as times from pg_prepared_statements where statement like '%public.failing(%'",
      );
      assert.deepEqual(rows, [{ times: 1 }]);
    });
  });
});

function callOf(name: string, args: SqlCall["args"]): SqlCall {
  return { name: name as SqlCall["name"], args, effect: "reads" };
}
