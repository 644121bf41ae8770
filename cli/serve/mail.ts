import { createTransport } from "npm:nodemailer@10.6.1";
import { type Mail, NoReply } from "../../supabase/functions/_shared/channels/send.ts";

const limitMs = 15_000;

/** Sends mail by the SMTP server of `OPENCLAW_SMTP_URL`. The answer is the server's own last line. */
export function smtpMail({ url, from }: { url: string; from: string }): (mail: Mail) => Promise<string> {
  const transport = createTransport({
    url,
    connectionTimeout: limitMs,
    greetingTimeout: limitMs,
    socketTimeout: limitMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async ({ id, to, subject, text }) => {
    try {
      const { response } = await transport.sendMail({
        from,
        to: { name: "", address: to },
        subject,
        text,
        // The same for every try: a mail server or reader that knows it shows one mail.
        messageId: `<${id}@openclaw>`,
        headers: { "auto-submitted": "auto-generated" },
      });
      return response;
    } catch (error) {
      if (error instanceof Error) throw new NoReply(`the mail server: ${error.message}`);
      throw error;
    }
  };
}
