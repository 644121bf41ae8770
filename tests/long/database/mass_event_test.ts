import assert from "node:assert/strict";
import { openPostgres } from "../../../cli/serve/store/postgres.ts";
import { noMail } from "../../../supabase/functions/_shared/channels/send.ts";
import { Deliverer } from "../../../supabase/functions/_shared/channels/deliverer.ts";
import { databaseOver } from "../../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";
import { findPostgres, startPostgres } from "../../_support/postgres.ts";
import { Receivers, receiverSettings } from "../../_support/receivers.ts";
import { part } from "../../_support/require.ts";
import { withSql } from "../../_support/sql.ts";

const postgres = await part("Postgres 15 or later", findPostgres);
const count = 5000;

/** Each beats every minute; the last beats of those that are cut lie within that minute. */
const fleet = `
  insert into public.agents (name, version, labels)
    select 'web-' || i, '1.2.0', jsonb_build_object('site', 'Linz', 'rack', (i % 50)::text)
    from generate_series(1, ${count}) as i;
  update public.agent_beats as b set heartbeats_count = 1, status = 'healthy', online_since = now(),
    last_seen_at = now() - row.number % 60 * interval '1 second'
    from (select agent_id, row_number() over (order by agent_id) as number from public.agent_beats) as row
    where row.agent_id = b.agent_id`;

postgres.test(`${count} agents that are cut at once → one message within 90 s, with what they have in common, and one at the end`, async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const store = await openPostgres(address);
  const receivers = new Receivers();
  const deliverer = new Deliverer({
    database: databaseOver(store.call),
    transports: { post: receivers.post, mail: noMail("OPENCLAW_SMTP_URL") },
    log: new Log(() => {}),
    now: () => new Date(),
  });
  await withSql(address, async (sql) => {
    await sql.unsafe(fleet).simple();
    await sql`insert into public.channels (name, kind, settings)
      values ('chat', 'slack', ${sql.json(receiverSettings.slack)})`;
    const begin = Date.now();
    /** Seconds after the cut at which each message came. */
    const told: [at: number, text: string][] = [];
    const pass = async (from: number, to: number): Promise<void> => {
      for (let second = from; second <= to; second += 5) {
        await sql`select public.tick(5, ${new Date(begin + second * 1000)})`;
        await sql`update public.deliveries set next_attempt_at = now() where state = 'pending'`;
        await deliverer.drain(5000);
        for (const { body } of receivers.kept.splice(0)) told.push([second, String(body.text)]);
      }
    };
    await pass(0, 600);
    const [first, ...more] = told.splice(0);
    assert.deepEqual(more, []);
    assert.match(first?.[1] ?? "", /^5000 agents are offline \(site=Linz\)/);
    assert.match(first?.[1] ?? "", /version 1\.2\.0/);
    // The first one counts as offline 195 s after its last beat, a minute before the cut at the earliest.
    const [at = 0] = first ?? [];
    assert.ok(at > 135 && at <= 195 + 90, `${at} s after the cut`);
    await sql`update public.agent_beats set last_seen_at = ${new Date(begin + 600_000)}`;
    await pass(605, 675);
    const [end, ...others] = told;
    assert.deepEqual(others, []);
    assert.match(end?.[1] ?? "", /^Over after [^]*5000 agents/);
  });
  await store.close();
});
