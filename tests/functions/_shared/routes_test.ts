import assert from "node:assert/strict";
import { jsonReply } from "../../../supabase/functions/_shared/http/messages.ts";
import { type Endpoint, resource, route } from "../../../supabase/functions/_shared/http/routes.ts";
import { ask, testBackend } from "../../_support/backend.ts";
import { assertError } from "../../_support/client.ts";

const show = (name: string) => ({
  GET: (_: unknown, { params }: { params: object }) => Promise.resolve(jsonReply({ name, params })),
});

const endpoint: Endpoint = {
  name: "things",
  routes: [
    route("", { ...show("all"), POST: () => Promise.resolve(jsonReply({}, { status: 201 })) }),
    route("/newest", show("newest")),
    route("/:id", show("one")),
    route("/:id/parts/:part", show("part")),
  ],
};

for (
  const [rest, name, params] of [
    ["", "all", {}],
    ["/newest", "newest", {}],
    ["/newest2", "one", { id: "newest2" }],
    ["/7", "one", { id: "7" }],
    ["/a%2Fb", "one", { id: "a%2Fb" }],
    ["/7/parts/wheel", "part", { id: "7", part: "wheel" }],
  ] as const
) {
  Deno.test(`the path "${rest}" leads to the first route that matches, with its parameters as they were sent`, async () => {
    assert.deepEqual((await ask(endpoint, await testBackend(), { rest })).body, { name, params });
  });
}

for (const rest of ["/", "//", "/7/", "/7/parts", "/7/parts/", "/7/parts/wheel/", "/7/parts/wheel/x", "7"]) {
  Deno.test(`the path "${rest}", which no route has → not_found`, async () => {
    assertError(await ask(endpoint, await testBackend(), { rest }), "not_found", 404);
  });
}

Deno.test("a method that a resource does not allow → method_not_allowed, which names those that it allows", async () => {
  for (
    const [rest, allow, words] of [
      ["", "GET, POST, OPTIONS", "GET, POST and OPTIONS"],
      ["/7", "GET, OPTIONS", "GET and OPTIONS"],
    ] as const
  ) {
    const reply = await ask(endpoint, await testBackend(), { rest, method: "DELETE" });
    assertError(reply, "method_not_allowed", 405);
    assert.equal(reply.headers.get("allow"), allow);
    assert.equal(reply.body.error_description, `Cannot handle DELETE: this resource allows ${words}`);
  }
});

Deno.test("a method that another route of the same endpoint allows → method_not_allowed all the same", async () => {
  assertError(
    await ask(endpoint, await testBackend(), { rest: "/7", method: "POST" }),
    "method_not_allowed",
    405,
  );
});

Deno.test("an endpoint of one resource has no path below it", async () => {
  const single = resource("thing", show("thing"));
  assert.equal((await ask(single, await testBackend())).status, 200);
  assertError(await ask(single, await testBackend(), { rest: "/7" }), "not_found", 404);
});
