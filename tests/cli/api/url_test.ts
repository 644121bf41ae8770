import assert from "node:assert/strict";
import { parseProbeUrl, parseUrl } from "../../../cli/api/url.ts";
import { CliError } from "../../../cli/terminal/errors.ts";

const urls: [string, string][] = [
  ["https://fleet.example", "https://fleet.example"],
  ["https://fleet.example/", "https://fleet.example"],
  ["https://fleet.example/functions/v1", "https://fleet.example"],
  ["https://fleet.example/functions/v1/", "https://fleet.example"],
  ["https://fleet.example:8443/base/functions/v1", "https://fleet.example:8443/base"],
  ["http://127.0.0.1:54321", "http://127.0.0.1:54321"],
  ["http://127.9.9.9", "http://127.9.9.9"],
  ["http://localhost:1", "http://localhost:1"],
  ["http://[::1]:54321/", "http://[::1]:54321"],
  ["https://[2001:db8::1]/", "https://[2001:db8::1]"],
];

for (const [given, read] of urls) {
  Deno.test(`${given} is read as ${read}`, () =>
    assert.equal(parseUrl(given, { insecureHttp: false }), read));
}

for (
  const given of [
    "http://fleet.example",
    "http://127.0.0.1.fleet.example",
    "http://localhost.fleet.example",
    "http://[2001:db8::1]",
    "ftp://fleet.example",
    "https://user:word@fleet.example",
    "https://fleet.example/?a=b",
    "fleet.example",
    "",
  ]
) {
  Deno.test(`"${given}" is refused as a server`, () =>
    assert.throws(() => parseUrl(given, { insecureHttp: false }), CliError));
}

const probes: [string, string | null][] = [
  ["http://127.0.0.1:8080/health?full=1", "http://127.0.0.1:8080/health?full=1"],
  ["https://fleet.example/functions/v1/", "https://fleet.example/functions/v1/"],
  ["http://fleet.example#part", "http://fleet.example/"],
  ["http://user:word@fleet.example", null],
  ["ftp://fleet.example", null],
  ["fleet.example", null],
];

for (const [given, read] of probes) {
  Deno.test(`${given} as a page to probe is ${read === null ? "refused" : `read as ${read}`}`, () => {
    if (read !== null) return assert.equal(parseProbeUrl(given), read);
    assert.throws(
      () => parseProbeUrl(given),
      (error) => error instanceof CliError && !error.message.includes("word@"),
    );
  });
}

Deno.test("a URL that is refused is named with where it was found, and without its password", () => {
  assert.throws(
    () => parseUrl("https://me:hush@fleet.example", { insecureHttp: false, from: "OPENCLAW_URL" }),
    (error) =>
      error instanceof CliError && /of OPENCLAW_URL/.test(error.message) && !/hush/.test(error.message),
  );
});

Deno.test("http to another host is allowed where --insecure-http is said", () =>
  assert.equal(parseUrl("http://fleet.example", { insecureHttp: true }), "http://fleet.example"));
