// deno-lint-ignore-file no-console -- its test shows what it prints
import { smtpMail } from "../../cli/serve/mail.ts";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { Deliverer } from "../../supabase/functions/_shared/channels/deliverer.ts";
import { NoReply, type Post, type PostReply } from "../../supabase/functions/_shared/channels/send.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { isRecord } from "../../supabase/functions/_shared/values.ts";
import { pause } from "./wait.ts";

/**
 * What a server sends its outbox with, in a process of its own, which its test kills:
 * `ledger_sender.ts <database> <receivers> <mail server>`. A post goes to the test's receivers whole, as JSON, and their
 * JSON is the reply. It prints a line once it has opened the database, and goes on whatever becomes of that from then
 * on. As a server, it ends where it cannot open it.
 */
const [address = "", receivers = "", mailServer = ""] = Deno.args;
const limitMs = 10_000;
const transports = { post, mail: smtpMail({ url: mailServer, from: "openclaw@example.com" }) };
const store = await openPostgres(address);
console.log("open");
const database = databaseOver(store.call);
const deliverer = new Deliverer({ database, transports, log: new Log(() => {}), now: () => new Date() });

while (true) {
  await deliverer.begin().catch((error) => console.error(error));
  await pause(20);
}

async function post({ url, headers, body }: Post): Promise<PostReply> {
  const whole = JSON.stringify({ url: url.href, headers, body });
  const reply = await fetch(receivers, { method: "POST", body: whole, signal: AbortSignal.timeout(limitMs) })
    .catch(() => null);
  if (reply === null || !reply.ok) {
    await reply?.body?.cancel();
    throw new NoReply("unreachable");
  }
  const read: unknown = await reply.json();
  if (!isRecord(read)) throw new TypeError("The receivers answered with no object");
  const { status, text, retryAfter } = read;
  return {
    status: Number(status),
    text: String(text),
    retryAfter: retryAfter === null ? null : String(retryAfter),
  };
}
