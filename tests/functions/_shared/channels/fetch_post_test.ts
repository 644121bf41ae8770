import assert from "node:assert/strict";
import { fetchPost } from "../../../../supabase/functions/_shared/channels/fetch_post.ts";
import { apiMail } from "../../../../supabase/functions/_shared/channels/mail_api.ts";
import { NoReply, type Post } from "../../../../supabase/functions/_shared/channels/send.ts";
import { TargetRefused } from "../../../../supabase/functions/_shared/channels/targets.ts";
import { serveLoopback } from "../../_loopback.ts";

const here = { loopback: true, private: false };

function postTo(url: string): Post {
  return { url: new URL(url), headers: { "content-type": "application/json" }, body: '{"emoji":"🦊"}' };
}

Deno.test("a post of a function arrives whole, and its reply comes back", async () => {
  await using server = await serveLoopback(async (request) =>
    new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
      status: 429,
      headers: { "retry-after": "7" },
    })
  );
  const reply = await fetchPost(here)(postTo(`${server.url}a`));
  assert.deepEqual(reply, { status: 429, retryAfter: "7", text: 'POST /a {"emoji":"🦊"}' });
});

Deno.test("a function asks no address of its own host, in whichever form, and no private one", async () => {
  await using server = await serveLoopback(() => new Response("ok"));
  const { port } = server.url;
  const post = fetchPost({ loopback: false, private: false });
  for (
    const host of [
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "[::]",
      "localhost",
      "localhost.",
      "a.LOCALHOST",
      "10.0.0.1",
      "169.254.169.254",
    ]
  ) {
    await assert.rejects(post(postTo(`http://${host}:${port}/`)), TargetRefused, host);
  }
  assert.equal(server.requests, 0);
});

Deno.test("a function that may reach private addresses does not reach its own host by them", async () => {
  await using server = await serveLoopback(() => new Response("ok"));
  const post = fetchPost({ loopback: false, private: true });
  for (const host of ["127.0.0.1", "0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]", "localhost"]) {
    await assert.rejects(post(postTo(`http://${host}:${server.url.port}/`)), TargetRefused, host);
  }
  assert.equal(server.requests, 0);
});

Deno.test("a function follows no redirect", async () => {
  await using inner = await serveLoopback(() => new Response("secret"));
  await using server = await serveLoopback(() => Response.redirect(inner.url.href));
  assert.equal((await fetchPost(here)(postTo(server.url.href))).status, 302);
  assert.equal(inner.requests, 0);
});

Deno.test("a receiver that does not answer is given up, and the address is not in what is said", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  await using server = await serveLoopback(() => promise);
  await assert.rejects(
    fetchPost(here, { limitMs: 50 })(postTo(`${server.url}secret-path`)),
    (error: Error) => {
      assert.ok(error instanceof NoReply, String(error));
      assert.ok(!error.message.includes("secret-path"), error.message);
      return true;
    },
  );
  resolve(new Response("late"));
});

Deno.test("a port that nobody listens on is no reply, and the address is not in what is said", async () => {
  const server = await serveLoopback(() => new Response("ok"));
  await server[Symbol.asyncDispose]();
  await assert.rejects(fetchPost(here)(postTo(`${server.url}secret-path`)), (error: Error) => {
    assert.ok(error instanceof NoReply, String(error));
    assert.ok(!error.message.includes("secret-path"), error.message);
    return true;
  });
});

Deno.test("a mail API gets the mail, its key as a bearer token, and the delivery's id", async () => {
  const posts: Post[] = [];
  const api = { url: "https://api.example.com/emails", from: "ops@example.com", key: "a-key" };
  const mail = { id: "delivery-1", to: "me@example.com", subject: "web-1 is offline", text: "Since …" };
  const send = (status: number) =>
    apiMail(api, (post) => {
      posts.push(post);
      return Promise.resolve({ status, retryAfter: null, text: '{"id":"x"}' });
    });
  assert.equal(await send(200)(mail), "200");
  assert.deepEqual(posts.map(({ url, headers, body }) => [url.href, headers, JSON.parse(body)]), [[
    api.url,
    { "authorization": "Bearer a-key", "content-type": "application/json", "idempotency-key": "delivery-1" },
    { from: "ops@example.com", to: ["me@example.com"], subject: mail.subject, text: mail.text },
  ]]);
  await assert.rejects(send(422)(mail), NoReply);
});
