-- The embedded server does this itself. On Supabase nobody would: there pg_cron does, where it is switched on before
-- the migrations. Each run leaves a row behind, which pg_cron never removes; those of other jobs are not ours.
do $$
begin
  if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    perform cron.schedule(
      'openclaw-upkeep', '* * * * *',
      $job$
        select public.upkeep();
        select public.forget_copies();
        delete from cron.job_run_details as d using cron.job as j
          where d.jobid = j.jobid and j.jobname = 'openclaw-upkeep' and d.end_time < now() - interval '1 day';
      $job$
    );
  end if;
end
$$;
