import assert from "node:assert/strict";
import { type Session, verifySession } from "../../../supabase/functions/_shared/auth.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import type { KeyRing } from "../../../supabase/functions/_shared/keys.ts";
import { type Expected, VerifiedTokens } from "../../../supabase/functions/_shared/verified_tokens.ts";
import { agentId, issuer, keys, makeKeyRing, now } from "../../_support/backend.ts";
import { badAuthorizations, forge, seconds } from "../_tokens.ts";

type Tokens = VerifiedTokens<Session>;

const session: Session = { agentId, epoch: 1 };
const sound = await forge();
const ours: Expected = { keys: await keys, issuer, now };

/** The verdict on a token. */
async function verdict(token: string, verifiedTokens: Tokens, changes: Partial<Expected> = {}) {
  try {
    return await verifySession(token, { ...ours, ...changes, verifiedTokens });
  } catch (error) {
    if (error instanceof ContractError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Tokens of which the given one has been verified. */
async function remembering(token = sound, changes: Partial<Expected> = {}): Promise<Tokens> {
  const tokens: Tokens = new VerifiedTokens();
  await verdict(token, tokens, changes);
  assert.equal(tokens.size, 1);
  return tokens;
}

function at(second: number): Date {
  return new Date(1000 * second);
}

Deno.test("a token that was verified is known, without another verification", async () => {
  const tokens = await remembering();
  assert.deepEqual(tokens.find(sound, ours), session);
  assert.deepEqual(await verdict(sound, tokens), session);
  assert.equal(tokens.size, 1);
});

const strange: [what: string, changes: () => Promise<Partial<Expected>>][] = [
  ["a key ring without its key", async () => ({ keys: await makeKeyRing() })],
  ["another key of the same kid", async () => ({ keys: await ringOfImpostor() })],
  ["another issuer", () => Promise.resolve({ issuer: "https://other.example/functions/v1" })],
  ["the second in which it expires", () => Promise.resolve({ now: at(seconds + 900) })],
  ["a time long after", () => Promise.resolve({ now: at(seconds + 90_000) })],
  ["a clock that was set back to before it was issued", () => Promise.resolve({ now: at(seconds - 31) })],
];

for (const [what, changes] of strange) {
  Deno.test(`a token that is known, met by ${what} → the verdict of a verification`, async () => {
    const changed = await changes();
    const expected = await verdict(sound, new VerifiedTokens(), changed);
    assert.match(String(expected), /^token_/);
    assert.equal(await verdict(sound, await remembering(), changed), expected);
  });
}

Deno.test("a token with nbf that is known → token_invalid after the clock was set back to before it", async () => {
  const token = await forge({ claims: { nbf: seconds } });
  assert.match(
    String(await verdict(token, await remembering(token), { now: at(seconds - 1) })),
    /^token_invalid/,
  );
});

Deno.test("a token that is known is accepted up to the second before it expires", async () => {
  assert.deepEqual(
    await verdict(sound, await remembering(), { now: new Date(1000 * (seconds + 900) - 1) }),
    session,
  );
});

Deno.test("no token that is refused is remembered, and a sound one beside it makes none of them good", async () => {
  const tokens = await remembering();
  for (const { name, code, make } of badAuthorizations) {
    if (code === "token_missing") continue;
    const token = (await make() ?? "").replace(/^Bearer /, "");
    for (let times = 0; times < 2; times++) {
      assert.match(String(await verdict(token, tokens)), new RegExp(`^${code}`), name);
    }
  }
  assert.equal(tokens.size, 1);
});

Deno.test("a token that differs in one character from a known one is refused, at every place of it", async () => {
  const tokens = await remembering();
  for (let place = 0; place < sound.length; place += 7) {
    const other = sound[place] === "A" ? "B" : "A";
    const token = sound.slice(0, place) + other + sound.slice(place + 1);
    assert.match(String(await verdict(token, tokens)), /^token_invalid/, String(place));
  }
});

Deno.test("characters whose low bytes spell a known token are not that token", async () => {
  const tokens = await remembering();
  const wide = String.fromCharCode(...Array.from(sound, (one) => one.charCodeAt(0) + 256));
  assert.equal(tokens.find(wide, ours), null);
  assert.match(String(await verdict(wide, tokens)), /^token_invalid/);
});

Deno.test("two agents' tokens are each their own", async () => {
  const tokens = await remembering();
  const otherId = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
  const other = await forge({ claims: { sub: otherId, client_id: otherId, epoch: 5 } });
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await verdict(other, tokens), { agentId: otherId, epoch: 5 });
    assert.deepEqual(await verdict(sound, tokens), session);
  }
});

Deno.test("what is known of a token cannot be changed by a handler", async () => {
  const known = (await remembering()).find(sound, ours);
  assert.ok(known !== null && Object.isFrozen(known));
});

Deno.test("another key ring empties the map, and going back to the first one verifies anew", async () => {
  const tokens = await remembering();
  const other = await makeKeyRing();
  await verdict(await forge({}, other), tokens, { keys: other });
  assert.equal(tokens.size, 1);
  assert.equal(tokens.find(sound, ours), null);
});

Deno.test("the map is bounded: the token that was verified the longest ago goes first", async () => {
  const tokens: Tokens = new VerifiedTokens(3);
  const all = await Promise.all([1, 2, 3, 4].map((epoch) => forge({ claims: { epoch } })));
  for (const token of all) await verdict(token, tokens);
  assert.equal(tokens.size, 3);
  assert.deepEqual(all.map((token) => tokens.find(token, ours) !== null), [false, true, true, true]);
});

Deno.test("expired tokens leave when another one comes", async () => {
  const tokens = await remembering();
  const later = at(seconds + 900);
  await verdict(await forge({ claims: { exp: seconds + 1800 } }), tokens, { now: later });
  assert.equal(tokens.size, 1);
});

/** A ring whose key has the kid of ours. */
async function ringOfImpostor(): Promise<KeyRing> {
  const other = await makeKeyRing();
  const key = other.verifying.get(other.signing.kid);
  assert.ok(key !== undefined);
  return { ...other, verifying: new Map([[(await keys).signing.kid, key]]) };
}
