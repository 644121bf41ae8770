import assert from "node:assert/strict";
import { canPin, pinnedPost } from "../../../cli/serve/post.ts";
import { NoReply } from "../../../supabase/functions/_shared/channels/send.ts";
import { TargetRefused } from "../../../supabase/functions/_shared/channels/targets.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";

const policy = { loopback: true, private: false };

/** A receiver on loopback; `seen` has the hosts that it was asked as. */
function receiver(
  reply: (request: Request) => Response | Promise<Response>,
  tls: { cert: string; key: string } | null = null,
): AsyncDisposable & { port: number; seen: string[] } {
  const seen: string[] = [];
  const handler = (request: Request): Response | Promise<Response> => {
    seen.push(request.headers.get("host") ?? "");
    return reply(request);
  };
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
  const server = tls === null ? Deno.serve(options, handler) : Deno.serve({ ...options, ...tls }, handler);
  return { port: server.addr.port, seen, [Symbol.asyncDispose]: () => server.shutdown() };
}

function postTo(url: string): { url: URL; headers: Record<string, string>; body: string } {
  return { url: new URL(url), headers: { "content-type": "application/json" }, body: '{"emoji":"🦊"}' };
}

Deno.test("a post arrives whole, and its reply comes back", async () => {
  await using one = receiver(async (request) =>
    new Response(
      `${request.method} ${new URL(request.url).pathname}${new URL(request.url).search} ${await request
        .text()}`,
      {
        status: 429,
        headers: { "retry-after": "7" },
      },
    )
  );
  const reply = await pinnedPost(policy)(postTo(`http://127.0.0.1:${one.port}/a/b?c=d`));
  assert.deepEqual(reply, { status: 429, retryAfter: "7", text: 'POST /a/b?c=d {"emoji":"🦊"}' });
});

Deno.test("a name is resolved once, and the address that was checked is the one that is asked", async () => {
  await using one = receiver(() => new Response("ok"));
  const answers = [["127.0.0.1"], ["10.0.0.1"]];
  const resolve = () => Promise.resolve(answers.shift() ?? []);
  const { status } = await pinnedPost(policy, { resolve })(postTo(`http://moves.example:${one.port}/`));
  assert.equal(status, 200);
  assert.equal(answers.length, 1);
  assert.deepEqual(one.seen, [`moves.example:${one.port}`]);
});

for (const addresses of [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["::ffff:192.168.0.1"], []]) {
  Deno.test(`a name with the addresses ${JSON.stringify(addresses)} is refused, and nothing is asked`, async () => {
    await using one = receiver(() => new Response("ok"));
    const post = pinnedPost(policy, { resolve: () => Promise.resolve(addresses) });
    await assert.rejects(post(postTo(`http://inner.example:${one.port}/`)), TargetRefused);
    assert.equal(one.seen.length, 0);
  });
}

Deno.test("loopback is refused where it is not allowed", async () => {
  await using one = receiver(() => new Response("ok"));
  const post = pinnedPost({ loopback: false, private: true });
  for (const host of ["127.0.0.1", "2130706433", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "localhost"]) {
    await assert.rejects(post(postTo(`http://${host}:${one.port}/`)), TargetRefused);
  }
  assert.equal(one.seen.length, 0);
});

Deno.test("a redirect is the reply, and is not followed", async () => {
  await using inner = receiver(() => new Response("secret"));
  await using one = receiver(() => Response.redirect(`http://127.0.0.1:${inner.port}/`));
  const { status } = await pinnedPost(policy)(postTo(`http://127.0.0.1:${one.port}/`));
  assert.equal(status, 302);
  assert.equal(inner.seen.length, 0);
});

Deno.test("a reply that drips on is given up in its time", async () => {
  let ticking: ReturnType<typeof setInterval> | undefined;
  const drip = new ReadableStream({
    start: (to) => void (ticking = setInterval(() => to.enqueue(new Uint8Array([32])), 10)),
    cancel: () => clearInterval(ticking),
  });
  await using one = receiver(() => new Response(drip));
  const post = pinnedPost(policy, { limitMs: 200 });
  await assert.rejects(post(postTo(`http://127.0.0.1:${one.port}/secret`)), (error: Error) => {
    assert.ok(error instanceof NoReply, String(error));
    assert.equal(error.message, `127.0.0.1:${one.port}: no reply within 0.2 s`);
    return true;
  });
});

Deno.test("of a long reply the beginning is read, and no more is waited for", async () => {
  const endless = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1024).fill(120)) });
  await using one = receiver(() => new Response(endless));
  const { text } = await pinnedPost(policy)(postTo(`http://127.0.0.1:${one.port}/`));
  assert.equal(text, "x".repeat(4096));
});

Deno.test("a port that nobody listens on is no reply", async () => {
  const one = receiver(() => new Response("ok"));
  await one[Symbol.asyncDispose]();
  await assert.rejects(pinnedPost(policy)(postTo(`http://127.0.0.1:${one.port}/`)), NoReply);
});

Deno.test("a name that does not resolve is no reply", async () => {
  await assert.rejects(pinnedPost(policy)(postTo("http://nosuch.invalid/")), NoReply);
});

testWith(["openssl"], "over TLS to an address, the certificate is the address's", async () => {
  await using folder = await temporaryFolder();
  const { cert, key, authority } = await makeCertificate(folder.path);
  await using one = receiver(() => new Response("ok"), { cert, key });
  const ca = await Deno.readTextFile(authority);
  const { status } = await pinnedPost(policy, { ca })(postTo(`https://127.0.0.1:${one.port}/`));
  assert.equal(status, 200);
  await assert.rejects(pinnedPost(policy, { ca })(postTo(`https://127.0.0.2:${one.port}/`)), NoReply);
  await assert.rejects(pinnedPost(policy)(postTo(`https://[::1]:${one.port}/`)), NoReply);
});

testWith(
  canPin ? ["openssl"] : ["a Deno that names a TLS connection"],
  "over TLS the address is the checked one, and the certificate the name's",
  async () => {
    await using folder = await temporaryFolder();
    const { cert, key, authority } = await makeCertificate(folder.path);
    await using one = receiver(() => new Response("ok"), { cert, key });
    const resolve = () => Promise.resolve(["127.0.0.1"]);
    const post = pinnedPost(policy, { resolve, ca: await Deno.readTextFile(authority) });
    const { status } = await post(postTo(`https://fleet.invalid:${one.port}/`));
    assert.equal(status, 200);
    await assert.rejects(post(postTo(`https://other.invalid:${one.port}/`)), NoReply);
    const strangers = pinnedPost(policy, { resolve });
    await assert.rejects(strangers(postTo(`https://fleet.invalid:${one.port}/`)), NoReply);
  },
);
