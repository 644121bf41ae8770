import { createTransport } from "npm:nodemailer@10.6.1";
import { type Mail, NoReply } from "../../supabase/functions/_shared/channels/send.ts";

const usualLimitMs = 15_000;

/**
 * Sends mail by the SMTP server of `OPENCLAW_SMTP_URL`, which has 15 s for all of it. The answer is the server's own last
 * line.
 */
export function smtpMail(
  { url, from, limitMs = usualLimitMs }: { url: string; from: string; limitMs?: number },
): (mail: Mail) => Promise<string> {
  const transport = createTransport({ url, disableFileAccess: true, disableUrlAccess: true });
  return async ({ id, to, subject, text }) => {
    const signal = AbortSignal.timeout(limitMs);
    try {
      const { response } = await transport.sendMail({
        from,
        to: { name: "", address: to },
        subject,
        text,
        // The same for every try: a mail server or reader that knows it shows one mail.
        messageId: `<${id}@openclaw>`,
        headers: { "auto-submitted": "auto-generated" },
        signal,
      });
      return response;
    } catch (error) {
      if (signal.aborted) throw new NoReply(`the mail server: no answer within ${limitMs / 1000} s`);
      if (error instanceof Error) throw new NoReply(`the mail server: ${error.message}`);
      throw error;
    }
  };
}
