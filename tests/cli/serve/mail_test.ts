import assert from "node:assert/strict";
import { SMTPServer } from "npm:smtp-server@3.21.6";
import { smtpMail } from "../../../cli/serve/mail.ts";
import { pause } from "../../_support/wait.ts";
import { NoReply } from "../../../supabase/functions/_shared/channels/send.ts";

interface Received {
  from: string;
  to: string[];
  raw: string;
}

/** A mail server on loopback that takes everything, or refuses the receiver. */
async function mailServer(
  { refuses = false } = {},
): Promise<AsyncDisposable & { url: string; kept: Received[] }> {
  const kept: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onAuth: ({ username, password }, _session, done) =>
      password === "right" ? done(null, { user: username }) : done(new Error("Invalid username or password")),
    onRcptTo: (_address, _session, done) => done(refuses ? new Error("no such mailbox") : null),
    onData: async (stream, { envelope }, done) => {
      let raw = "";
      for await (const chunk of stream) raw += chunk.toString();
      kept.push({
        from: envelope.mailFrom === false ? "" : envelope.mailFrom.address,
        to: envelope.rcptTo.map(({ address }) => address),
        raw,
      });
      done(null);
    },
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.server.address() as { port: number };
  return {
    url: `smtp://127.0.0.1:${port}`,
    kept,
    [Symbol.asyncDispose]: () => new Promise<void>((closed) => server.close(closed)),
  };
}

const mail = {
  id: "0b9c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a11",
  to: "ops@example.com",
  subject: 'web-1 "🦊" is offline',
  text: "Since 2026-11-27 10:00:00 UTC\n.\nAgents: a, b",
};
const from = "openclaw@example.com";

Deno.test("a mail arrives whole, with the delivery's id as its own", async () => {
  await using server = await mailServer();
  const answer = await smtpMail({ url: server.url, from })(mail);
  assert.match(answer, /^250 /);
  const [kept] = server.kept;
  assert.deepEqual([kept?.from, kept?.to], [from, ["ops@example.com"]]);
  assert.match(kept?.raw ?? "", /^Message-ID: <0b9c5f1e-6f8e-4d3c-9c4e-1f0a5d9b7a11@openclaw>\r$/m);
  assert.match(kept?.raw ?? "", /^Auto-Submitted: auto-generated\r$/mi);
  assert.match(kept?.raw ?? "", /^Subject: =\?UTF-8\?/m);
  assert.match(kept?.raw ?? "", /\r\n\r\nSince 2026-11-27 10:00:00 UTC\r\n\.\.?\r\nAgents: a, b/);
});

Deno.test("a subject of several lines is one line, and adds no header", async () => {
  await using server = await mailServer();
  await smtpMail({ url: server.url, from })({ ...mail, subject: "a\r\nBcc: thief@example.com" });
  assert.deepEqual(server.kept[0]?.to, ["ops@example.com"]);
  assert.ok(!/^Bcc:/mi.test(server.kept[0]?.raw ?? ""));
});

Deno.test("a mailbox that the server refuses is no delivery, and its words are the answer", async () => {
  await using server = await mailServer({ refuses: true });
  await assert.rejects(smtpMail({ url: server.url, from })(mail), (error: Error) => {
    assert.ok(error instanceof NoReply);
    assert.match(error.message, /no such mailbox/);
    return true;
  });
  assert.equal(server.kept.length, 0);
});

Deno.test("a mail server that greets and greets → no delivery, after the limit for all of it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const greeted = (async () => {
    using connection = await listener.accept();
    const line = new TextEncoder().encode("220-welcome\r\n");
    // Until it is closed.
    try {
      for (;; await pause(10)) await connection.write(line);
    } catch (error) {
      assert.ok(error instanceof Error, String(error));
    }
  })();
  const send = smtpMail({ url: `smtp://127.0.0.1:${listener.addr.port}`, from, limitMs: 200 });
  await assert.rejects(send(mail), { name: "NoReply", message: "the mail server: no answer within 0.2 s" });
  await greeted;
});

Deno.test("a wrong password is no delivery, and is not in what is said of it", async () => {
  await using server = await mailServer();
  const url = server.url.replace("smtp://", "smtp://ops:wrong-password@");
  await assert.rejects(smtpMail({ url, from })(mail), (error: Error) => {
    assert.ok(error instanceof NoReply);
    assert.ok(!error.message.includes("wrong-password"), error.message);
    return true;
  });
});

Deno.test("a mail server that is gone is no delivery", async () => {
  const server = await mailServer();
  await server[Symbol.asyncDispose]();
  await assert.rejects(smtpMail({ url: server.url, from })(mail), NoReply);
});
