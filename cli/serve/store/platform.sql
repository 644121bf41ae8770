-- What a Supabase database brings and a plain Postgres lacks: the API's roles, auth.users and auth.uid().
-- Only what is missing is made, so that a database of Supabase's own is left as it is.
do $platform$
declare
  role_name text;
  may_become boolean;
begin
  foreach role_name in array array['anon', 'authenticated', 'service_role'] loop
    if to_regrole(role_name) is null then
      begin
        execute format('create role %I nologin noinherit', role_name);
      exception
        -- Roles belong to all databases of the server: another one's first start may have made it just now.
        when duplicate_object or unique_violation then null;
      end;
    end if;
  end loop;
  -- Since 16 who makes a role is its member, but may not take it on without being granted that.
  if current_setting('server_version_num')::integer >= 160000 then
    may_become := pg_has_role(current_user, 'service_role', 'set');
  else
    may_become := pg_has_role(current_user, 'service_role', 'member');
  end if;
  if not may_become then
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
