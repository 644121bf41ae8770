-- Supabase lets its API roles do everything with whatever `postgres` makes in `public`. From here on
-- nothing is granted that a migration does not name. (For functions this takes back only those roles'
-- own grant: `public` keeps its own, and each function revokes it for itself.)
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
