import assert from "node:assert/strict";
import { ask, testBackend } from "../_support/backend.ts";
import { refused } from "./_hostile.ts";
import { credential, goodRequest, resources } from "./_resources.ts";
import { withoutWaiting } from "./_timers.ts";

const encoder = new TextEncoder();

for (const resource of resources.filter(({ body }) => body !== null)) {
  const { name, endpoint, method, rest, body, status } = resource;
  const padded = (length: number): string => {
    const short = JSON.stringify({ ...body, padding: "" });
    return JSON.stringify({ ...body, padding: "x".repeat(length - short.length) });
  };
  const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  const within = (field: string): string => JSON.stringify(body).replace(/\}$/, `,${field}}`);
  const sent = (text: string) => async (): Promise<RequestInit> => ({
    headers: await credential(resource),
    body: text,
  });

  const good: [name: string, body: string][] = [
    ["exactly 65,536 bytes", padded(65_536)],
    ["a field that nobody knows", within('"colour":"red"')],
    ["10,000 levels in a field that nobody knows", within(`"deep":${deep(10_000)}`)],
    ["a field named __proto__", within('"__proto__":{"status":1,"name":1,"agent_id":1}')],
    ["a byte order mark before it", `\ufeff${JSON.stringify(body)}`],
    ["spaces and newlines around it", `\r\n\t ${JSON.stringify(body)}\n\n`],
    [
      "2,000 fields that nobody knows",
      within(
        Array.from({ length: 2000 }, (_, index) => `"unknown${index}":${index}`).join(","),
      ),
    ],
  ];
  for (const [what, text] of good) {
    Deno.test(`${name} with ${what} answers ${status}`, async () => {
      assert.ok(encoder.encode(text).length <= 65_536);
      const init = { method, rest, ...await sent(text)() };
      const reply = await ask(endpoint, await testBackend(), init);
      assert.equal(reply.status, status, JSON.stringify(reply.body));
    });
  }

  for (
    const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
  ) {
    Deno.test(`${name} with the content type "${type}" answers ${status}`, async () => {
      const init = await goodRequest(resource);
      const headers = { ...await credential(resource), "content-type": type };
      assert.equal((await ask(endpoint, await testBackend(), { ...init, headers })).status, status);
    });
  }

  const bad: [name: string, init: () => Promise<RequestInit>, code: readonly [string, number]][] = [
    ["65,537 bytes", sent(padded(65_537)), ["payload_too_large", 413]],
    ["65,537 bytes in a stream", async () => ({
      headers: await credential(resource),
      body: new Blob([padded(65_537)]).stream(),
    }), ["payload_too_large", 413]],
    ["a content-length of 65,537", async () => ({
      headers: { ...await credential(resource), "content-length": "65537" },
      body: JSON.stringify(body),
    }), ["payload_too_large", 413]],
    ["text that is not JSON", sent("agent_id=1&agent_secret=2"), ["invalid_request", 400]],
    ["a body cut in its middle", sent(JSON.stringify(body).slice(0, -3)), ["invalid_request", 400]],
    ["a list", sent(`[${JSON.stringify(body)}]`), ["invalid_request", 400]],
    ["null", sent("null"), ["invalid_request", 400]],
    ["a text", sent('"healthy"'), ["invalid_request", 400]],
    ["a number", sent("1e999"), ["invalid_request", 400]],
    ["10,000 levels of lists", sent(deep(10_000)), ["invalid_request", 400]],
    ["10,000 levels of objects that do not end", sent('{"a":'.repeat(10_000)), ["invalid_request", 400]],
    ["bytes that are no UTF-8", async () => ({
      headers: await credential(resource),
      body: Uint8Array.of(...encoder.encode('{"name":"'), 0xff, ...encoder.encode('"}')),
    }), ["invalid_request", 400]],
    ["JSON in UTF-16", async () => ({
      headers: await credential(resource),
      body: Uint8Array.from(`\ufeff${JSON.stringify(body)}`, (one) => one.charCodeAt(0)),
    }), ["invalid_request", 400]],
    ["a sender that goes away", async () => ({
      headers: await credential(resource),
      body: new ReadableStream({
        pull: (controller) => controller.error(new Error("connection reset")),
      }, { highWaterMark: 0 }),
    }), ["invalid_request", 400]],
  ];
  for (const [what, init, code] of bad) {
    Deno.test(`${name} with ${what} → ${code[0]}`, async () => {
      await refused(resource, await init(), code);
    });
  }

  Deno.test(`${name} with a body that never ends → invalid_request after 10 s`, async () => {
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(encoder.encode('{"a":')),
    });
    const delays = await withoutWaiting(async () => {
      const init = { headers: await credential(resource), body: endless };
      await refused(resource, init, ["invalid_request", 400]);
    });
    assert.ok(delays.includes(10_000));
  });

  if (resource.asks === "session") {
    for (const empty of ["", " \n"]) {
      Deno.test(`${name} with the empty body ${JSON.stringify(empty)} answers ${status}`, async () => {
        const init = { method, rest, ...await sent(empty)() };
        assert.equal((await ask(endpoint, await testBackend(), init)).status, status);
      });
    }
  } else {
    for (const empty of ["", " \n", undefined]) {
      Deno.test(`${name} with ${empty === undefined ? "no body" : JSON.stringify(empty)} → invalid_request`, async () => {
        const headers = await credential(resource);
        const init = empty === undefined ? { headers } : { headers, body: empty };
        await refused(resource, init, ["invalid_request", 400]);
      });
    }
  }
}
