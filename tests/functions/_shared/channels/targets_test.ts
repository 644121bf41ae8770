import assert from "node:assert/strict";
import {
  assertTargets,
  literalAddress,
  TargetRefused,
} from "../../../../supabase/functions/_shared/channels/targets.ts";

const strict = { loopback: false, private: false };
/** A connection to no address is one to this host. */
const loopback = ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::ffff:0.0.0.0"];
const notPublic = [
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "255.255.255.255",
  "224.0.0.1",
  "198.18.0.1",
  "192.0.2.1",
  "192.0.0.192",
  "192.88.99.1",
  "240.0.0.1",
  "fe80::1",
  "fe80::1%eth0",
  "fd00::1",
  "ff02::1",
  "::ffff:10.0.0.1",
  "::ffff:a9fe:a9fe",
  "::7f00:1",
  "::ffff:0:127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b:1::7f00:1",
  "2002:7f00:1::",
  "2001::1",
  "2001:db8::1",
  "fec0::1",
  "100::1",
  "3fff::1",
  "4000::1",
  "5f00::1",
  "168.63.129.16",
  "::ffff:168.63.129.16",
];
const open = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"];

for (const address of open) {
  Deno.test(`${address} may be reached`, () => assertTargets("a.example", [address], strict));
}

for (const address of loopback) {
  Deno.test(`${address} is this host: reached where that is allowed, and only there`, () => {
    assert.throws(() => assertTargets("a.example", [address], { ...strict, private: true }), TargetRefused);
    assertTargets("a.example", [address], { ...strict, loopback: true });
  });
}

for (const address of notPublic) {
  Deno.test(`${address} is not public: reached where that is allowed, and only there`, () => {
    assert.throws(() => assertTargets("a.example", [address], { ...strict, loopback: true }), TargetRefused);
    assertTargets("a.example", [address], { ...strict, private: true });
  });
}

Deno.test("one address of several that may not be reached refuses the name", () => {
  assert.throws(() => assertTargets("a.example", ["1.1.1.1", "10.0.0.1"], strict), TargetRefused);
  assert.throws(() => assertTargets("a.example", [], strict), TargetRefused);
});

/** As a URL's host, each of these is an address in another form. */
const forms = [
  ...["2130706433", "0x7f.1", "0x7f000001", "017700000001", "0177.0.0.01", "127.0x0.1", "127.1", "0"],
  ...["127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1", "127%2e0%2e0%2e1"],
  ...["[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::]"],
];

for (const form of forms) {
  Deno.test(`http://${form}/ is this host in another form`, () => {
    const address = literalAddress(new URL(`http://${form}/`).hostname);
    assert.ok(address !== null);
    assert.throws(() => assertTargets(form, [address], strict), TargetRefused);
  });
}

Deno.test("a name is no address", () => assert.equal(literalAddress("localhost"), null));

Deno.test("an address with a zone is no host of a URL", () => {
  assert.equal(URL.canParse("http://[fe80::1%25eth0]/"), false);
  assert.equal(URL.canParse("http://[fe80::1%eth0]/"), false);
});
