-- The embedded server does this itself. On Supabase nobody would: there pg_cron does, where it is switched on before
-- the migrations. Each run leaves a row behind, which pg_cron never removes; those of other jobs are not ours.
do $$
begin
  if not exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    return;
  end if;
  perform cron.schedule(
    'openclaw-upkeep', '* * * * *',
    $job$
      select public.upkeep();
      select public.forget_copies();
      select public.keep_history(most_beats => 200000);
      delete from cron.job_run_details as d using cron.job as j
        where d.jobid = j.jobid and j.jobname in ('openclaw-upkeep', 'openclaw-tick')
          and d.end_time < now() - interval '1 day';
    $job$
  );
  begin
    perform cron.schedule('openclaw-tick', '5 seconds', 'select public.tick(5)');
  exception when invalid_parameter_value then
    -- Before version 1.5, pg_cron knows no seconds.
    perform cron.schedule('openclaw-tick', '* * * * *', 'select public.tick(60)');
  end;
end
$$;
