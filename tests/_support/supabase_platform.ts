/** Supabase's own roles, users and `auth.uid()`, as far as they differ from what we make on a plain Postgres. `project_owner` is what `postgres` is there. */
export const supabaseLike = `
  create role anon nologin;
  create role authenticated nologin inherit;
  create role service_role nologin bypassrls;
  create role authenticator login noinherit;
  grant anon, authenticated, service_role to authenticator;
  create role supabase_auth_admin login createrole noinherit;
  create role project_owner login createrole createdb bypassrls;
  grant anon, authenticated, service_role to project_owner;
  create schema auth authorization supabase_auth_admin;
  grant usage on schema auth to anon, authenticated, service_role, project_owner;
  create table auth.users (
    instance_id uuid, id uuid not null primary key, aud varchar(255), role varchar(255), email varchar(255) unique,
    created_at timestamptz, is_anonymous boolean not null default false
  );
  alter table auth.users owner to supabase_auth_admin;
  alter table auth.users enable row level security;
  grant all on auth.users to project_owner;
  create function auth.uid() returns uuid language sql stable as $$
    select coalesce(
      nullif(current_setting('request.jwt.claim.sub', true), ''),
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
  $$;
  grant usage on schema public to anon, authenticated, service_role;
  grant create on schema public to project_owner;
  alter default privileges for role project_owner in schema public grant all on tables to anon, authenticated, service_role;
  alter default privileges for role project_owner in schema public grant all on functions to anon, authenticated, service_role;
  alter default privileges for role project_owner in schema public grant all on sequences to anon, authenticated, service_role;
`;
