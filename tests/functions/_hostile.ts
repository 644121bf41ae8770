import assert from "node:assert/strict";
import { ask, testBackend } from "../_support/backend.ts";
import { assertError, type Reply } from "../_support/client.ts";
import type { Resource } from "./_resources.ts";
import { operatorsWithUsers } from "./_users.ts";

/** Asserts what every reply of the service carries. */
export function assertCommon(
  reply: Reply,
  { cacheControl = "no-store", isPreflight = false }: { cacheControl?: string; isPreflight?: boolean } = {},
): void {
  assert.equal(reply.headers.get("cache-control"), cacheControl);
  assert.match(reply.headers.get("x-request-id") ?? "", /^[A-Za-z0-9._-]{1,64}$/);
  assert.equal(reply.headers.get("access-control-allow-origin"), "*");
  for (const name of ["access-control-allow-headers", "access-control-allow-methods"]) {
    assert.equal(reply.headers.has(name), isPreflight, name);
  }
  const exposed = reply.headers.get("access-control-expose-headers") ?? "";
  for (const name of ["x-request-id", "retry-after", "www-authenticate"]) {
    assert.ok(exposed.split(", ").includes(name), name);
  }
}

/** Sends a bad request and asserts its refusal, and that the database was not asked. */
export async function refused(
  resource: Resource,
  init: RequestInit,
  [code, status]: readonly [code: string, status: number],
): Promise<Reply> {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const { method, rest } = resource;
  const reply = await ask(resource.endpoint, backend, { method, rest, ...init });
  assertError(reply, code, status);
  assertCommon(reply);
  assert.deepEqual(backend.calls, []);
  return reply;
}
