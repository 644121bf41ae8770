/** Runs SQL as the database's owner. */
type Execute = (statement: string, parameters?: unknown[]) => Promise<unknown>;

/** Sets the time of a database. */
export type SetTime = (at: Date) => Promise<void>;

/**
 * Gives a database a clock of its own: `now()` in its functions and defaults is the time that was set last on its
 * connection, and whatever they are written like, it passes as the test says.
 */
export async function giveClock(execute: Execute): Promise<SetTime> {
  await execute("create schema test_clock");
  await execute("grant usage on schema test_clock to public");
  await execute(`
    create function test_clock.now() returns timestamptz language sql stable set search_path = ''
      return current_setting('test_clock.now')::timestamptz`);
  await execute(rewrite);
  return async (at) =>
    void await execute("select set_config('test_clock.now', $1, false)", [at.toISOString()]);
}

const rewrite = String.raw`
do $rewrite$
declare
  one record;
begin
  perform set_config('test_clock.now', now()::text, false);
  for one in
    select pg_get_functiondef(p.oid) as definition
    from pg_catalog.pg_proc as p where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
  loop
    if one.definition ~ '\mnow\(\)' then
      execute regexp_replace(one.definition, '\mnow\(\)', 'test_clock.now()', 'g');
    end if;
  end loop;
  for one in
    select d.adrelid::regclass as relation, a.attname, pg_get_expr(d.adbin, d.adrelid) as value
    from pg_catalog.pg_attrdef as d
    join pg_catalog.pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_catalog.pg_class as c on c.oid = d.adrelid and c.relnamespace = 'public'::regnamespace
  loop
    if one.value ~ '\mnow\(\)' then
      execute format(
        'alter table %s alter column %I set default %s', one.relation, one.attname,
        regexp_replace(one.value, '\mnow\(\)', 'test_clock.now()', 'g')
      );
    end if;
  end loop;
end
$rewrite$`;
