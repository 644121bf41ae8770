import assert from "node:assert/strict";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { callerAddress, network, Refusals } from "../../../supabase/functions/_shared/http/refusals.ts";

const here = "192.0.2.1";

function testRefusals(): { refusals: Refusals; wait: (seconds: number) => void } {
  let moment = Date.UTC(2026, 10, 23, 12);
  return {
    refusals: new Refusals(() => new Date(moment)),
    wait: (seconds) => void (moment += seconds * 1000),
  };
}

function times(count: number, act: () => void): void {
  for (let index = 0; index < count; index++) act();
}

/** Asserts that the next refusal is turned away, and returns for how long. */
function limited(refusals: Refusals, address = here): number {
  try {
    refusals.count(address);
  } catch (error) {
    assert.ok(error instanceof ContractError);
    assert.equal(error.code, "rate_limited");
    assert.ok(!error.message.includes(address));
    return error.retryAfterSeconds ?? 0;
  }
  throw new Error("It was not limited");
}

Deno.test("20 refusals at once are let through, the next one is rate_limited for a second", () => {
  const { refusals } = testRefusals();
  times(20, () => refusals.count(here));
  assert.equal(limited(refusals), 1);
});

Deno.test("one more a second is let through", () => {
  const { refusals, wait } = testRefusals();
  times(20, () => refusals.count(here));
  times(5, () => {
    limited(refusals);
    wait(1);
    refusals.count(here);
    limited(refusals);
  });
});

Deno.test("half a second is not enough, and two halves are", () => {
  const { refusals, wait } = testRefusals();
  times(20, () => refusals.count(here));
  wait(0.5);
  assert.equal(limited(refusals), 1);
  wait(0.5);
  refusals.count(here);
  limited(refusals);
});

Deno.test("whoever is turned away and asks again does not wait longer for it", () => {
  const { refusals, wait } = testRefusals();
  times(20, () => refusals.count(here));
  times(100, () => limited(refusals));
  wait(1);
  refusals.count(here);
});

Deno.test("after a long silence 20 are let through, not more", () => {
  const { refusals, wait } = testRefusals();
  times(20, () => refusals.count(here));
  wait(86_400);
  times(20, () => refusals.count(here));
  limited(refusals);
});

Deno.test("a clock that goes back lets nobody through, and locks nobody out", () => {
  const { refusals, wait } = testRefusals();
  times(20, () => refusals.count(here));
  wait(-3600);
  limited(refusals);
  wait(1);
  refusals.count(here);
});

Deno.test("one address does not use up another's", () => {
  const { refusals } = testRefusals();
  times(20, () => refusals.count(here));
  limited(refusals);
  refusals.count("192.0.2.2");
});

Deno.test("a /64 of IPv6 counts as one, the next /64 does not", () => {
  const { refusals } = testRefusals();
  for (let index = 1; index <= 20; index++) refusals.count(`2001:db8:0:1::${index.toString(16)}`);
  limited(refusals, "2001:db8:0:1:ffff:ffff:ffff:ffff");
  refusals.count("2001:db8:0:2::1");
});

Deno.test("an IPv4-mapped IPv6 address is the IPv4 address", () => {
  const { refusals } = testRefusals();
  times(20, () => refusals.count(here));
  limited(refusals, `::ffff:${here}`);
  limited(refusals, "::ffff:c000:201");
  refusals.count("::ffff:192.0.2.2");
});

for (
  const [one, other, same] of [
    ["2001:db8::1", "2001:DB8:0:0::ffff", true],
    ["2001:db8::1", "2001:db8:0:0:1::", true],
    ["2001:db8::1", "2001:db8:0:1::1", false],
    ["fe80::1%eth0", "fe80::2%eth1", true],
    ["::1", "127.0.0.1", false],
    ["", "192.0.2.1", false],
    ["not an address", "192.0.2.1", false],
  ] as const
) {
  Deno.test(`"${one}" and "${other}" count as ${same ? "one" : "two"}`, () => {
    assert.equal(network(one) === network(other), same);
  });
}

Deno.test("10,000 addresses are remembered; the one refused the longest ago is forgotten for the next", () => {
  const { refusals } = testRefusals();
  times(20, () => refusals.count(here));
  for (let index = 0; index < 9999; index++) refusals.count(`10.0.${index >> 8}.${index & 255}`);
  assert.equal(refusals.size, 10_000);
  limited(refusals);
  for (let index = 0; index < 9999; index++) refusals.count(`10.1.${index >> 8}.${index & 255}`);
  assert.equal(refusals.size, 10_000);
  limited(refusals);
  for (let index = 0; index < 10_000; index++) refusals.count(`10.2.${index >> 8}.${index & 255}`);
  assert.equal(refusals.size, 10_000);
  refusals.count(here);
});

for (
  const [name, proxies, header, wanted] of [
    ["nobody trusted", 0, "198.51.100.7", here],
    ["one proxy", 1, "198.51.100.7", "198.51.100.7"],
    ["one proxy, and a header that the caller began", 1, "203.0.113.9, 198.51.100.7", "198.51.100.7"],
    ["two proxies", 2, "203.0.113.9, 198.51.100.7, 10.0.0.1", "198.51.100.7"],
    ["two proxies, and only one in the header", 2, "198.51.100.7", here],
    ["one proxy and no header", 1, null, here],
    ["one proxy and an empty header", 1, "", here],
    ["one proxy and nonsense", 1, "unknown", here],
    ["one proxy and IPv6", 1, "2001:db8::1", "2001:db8::1"],
    ["one proxy and IPv6 with a zone", 1, `fe80::1%${"z".repeat(70)}`, "fe80::1"],
    ["one proxy that adds the port", 1, "198.51.100.7:4711", "198.51.100.7"],
    ["one proxy that adds brackets", 1, "[2001:db8::1]", "2001:db8::1"],
    ["one proxy that adds brackets and the port", 1, "203.0.113.9, [2001:db8::1]:4711", "2001:db8::1"],
    ["one proxy and a port that is too long", 1, "198.51.100.7:471100", here],
    ["one proxy and brackets around nonsense", 1, "[unknown]:4711", here],
    ["no spaces", 1, "203.0.113.9,198.51.100.7", "198.51.100.7"],
  ] as const
) {
  Deno.test(`the caller's address with ${name} is ${wanted}`, () => {
    const headers = new Headers(header === null ? {} : { "x-forwarded-for": header });
    assert.equal(callerAddress(new Request("https://fleet.example", { headers }), here, proxies), wanted);
  });
}

Deno.test("a refusal too many says after how many seconds to try again, as its header does", () => {
  const refusals = new Refusals(() => new Date(0));
  for (let count = 0; count < 20; count++) refusals.count("192.0.2.9");
  assert.throws(() => refusals.count("192.0.2.9"), (error: Error) => {
    assert.ok(error instanceof ContractError);
    assert.equal(error.retryAfterSeconds, 1);
    assert.equal(
      error.message,
      "Cannot accept another attempt from this address: too many were refused, retry in 1 s",
    );
    return true;
  });
});
