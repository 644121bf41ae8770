create function public.page_of(items jsonb, page_limit integer)
  returns jsonb language sql immutable set search_path = '' as $$
  with item as (
    select
      i.place, i.value -> 'row' as row, i.value -> 'key' as key,
      sum(octet_length((i.value -> 'row')::text)) over (order by i.place) as bytes
    from jsonb_array_elements(page_of.items) with ordinality as i (value, place)
  ), kept as (
    -- 1 MiB less what a reply has around its rows.
    select item.* from item where item.place <= page_limit and (item.place = 1 or item.bytes <= 1048576 - 16384)
  )
  select jsonb_build_object(
    'rows', coalesce(jsonb_agg(kept.row order by kept.place), '[]'),
    'next', case when (select count(*) from item) > count(*)
      then (array_agg(kept.key order by kept.place desc))[1]
    end
  )
  from kept
$$;
comment on function public.page_of(jsonb, integer) is
  'A page of a list of {row, key}: {"rows": […], "next": the last one''s key, or null when the list ends here}. At most page_limit rows, and no more than 1 MiB holds, but one. Whoever calls hands over one more than the limit, if there is one.';
revoke all on function public.page_of(jsonb, integer) from public, anon, authenticated;
grant execute on function public.page_of(jsonb, integer) to service_role;

create function public.microseconds(moment timestamptz)
  returns bigint language sql immutable set search_path = ''
  return (extract(epoch from moment) * 1000000)::bigint;
comment on function public.microseconds(timestamptz) is
  'Since the epoch, which JSON carries exactly. For the keys of pages.';
revoke all on function public.microseconds(timestamptz) from public, anon, authenticated;
grant execute on function public.microseconds(timestamptz) to service_role;
