-- The embedded server does this itself. On Supabase nobody would: there pg_cron does, where it is switched on before
-- the migrations. Each run leaves a row behind, which pg_cron never removes.
do $$
begin
  if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    perform cron.schedule(
      'openclaw-upkeep', '* * * * *',
      $job$
        select public.upkeep();
        select public.forget_copies();
        delete from cron.job_run_details where end_time < now() - interval '1 day';
      $job$
    );
  end if;
end
$$;
