import { type Mail, NoReply } from "./send.ts";
import type { Transports } from "./send.ts";

export interface MailApi {
  /** Where to post, without `from`. */
  url: string;
  from: string;
  key: string;
}

/**
 * Sends mail by an HTTP API that takes `{ from, to, subject, text }` with the key as a bearer token, as Resend and
 * others do. Where the API knows `Idempotency-Key`, a repeat of a delivery is one mail.
 */
export function apiMail(
  { url, from, key }: MailApi,
  post: Transports["post"],
): Transports["mail"] {
  return async ({ id, to, subject, text }: Mail) => {
    const { status, text: answer } = await post({
      url: new URL(url),
      headers: {
        "authorization": `Bearer ${key}`,
        "content-type": "application/json",
        "idempotency-key": id,
      },
      body: JSON.stringify({ from, to: [to], subject, text }),
    });
    if (status < 200 || status > 299) throw new NoReply(`the mail service refused it: ${status} ${answer}`);
    return `${status}`;
  };
}
