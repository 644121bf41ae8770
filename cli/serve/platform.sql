-- What a Supabase database brings and a plain Postgres lacks: the API's roles, auth.users and auth.uid().
-- Only what is missing is made, so that a database of Supabase's own is left as it is.
do $platform$
begin
  if to_regrole('anon') is null then
    create role anon nologin noinherit;
  end if;
  if to_regrole('authenticated') is null then
    create role authenticated nologin noinherit;
  end if;
  if to_regrole('service_role') is null then
    create role service_role nologin noinherit;
  end if;
  if not pg_has_role(current_user, 'service_role', 'member') then
    execute format('grant service_role to %I', current_user);
  end if;

  if to_regnamespace('auth') is null then
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role;
  end if;
  if to_regclass('auth.users') is null then
    create table auth.users (id uuid primary key, created_at timestamptz not null default now());
    comment on table auth.users is 'Stands in for Supabase''s table of the same name, so that agents can have owners.';
  end if;
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable set search_path = '' as
      'select (nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb ->> ''sub'')::uuid';
    comment on function auth.uid() is 'The user that this connection speaks for, as PostgREST sets it.';
  end if;
  -- Only where it has not been said: a grant writes its row anew even when it changes nothing.
  if has_schema_privilege(current_user, 'public', 'usage with grant option') and (
    select count(*) < 3 from pg_namespace, aclexplode(nspacl)
    where nspname = 'public' and privilege_type = 'USAGE'
      and grantee in (to_regrole('anon'), to_regrole('authenticated'), to_regrole('service_role'))
  ) then
    grant usage on schema public to anon, authenticated, service_role;
  end if;
end
$platform$;
