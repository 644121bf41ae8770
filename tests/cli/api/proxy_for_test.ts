import assert from "node:assert/strict";
import { proxyFor } from "../../../cli/api/proxy.ts";

Deno.test("the doctor names the proxy that the runtime uses, and none where there is none", () => {
  const given = variables({
    HTTPS_PROXY: "http://proxy.example:3128",
    NO_PROXY: "localhost,.inside.example",
  });
  assert.equal(proxyFor(new URL("https://fleet.example"), given)?.host, "proxy.example:3128");
  assert.equal(proxyFor(new URL("https://a.inside.example"), given), null);
  assert.equal(proxyFor(new URL("https://inside.example"), given), null);
  assert.equal(proxyFor(new URL("http://fleet.example"), given), null);
  assert.equal(proxyFor(new URL("https://fleet.example"), variables({})), null);
});

function variables(all: Record<string, string>): (name: string) => string | undefined {
  return (name) => all[name];
}
