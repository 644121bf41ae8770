import assert from "node:assert/strict";
import { generateSigningKey } from "../../../supabase/functions/_shared/keys.ts";
import { edgeBackend } from "../../../supabase/functions/_shared/edge.ts";
import { projectOperators } from "../../../supabase/functions/_shared/operator.ts";
import {
  ConfigurationError,
  type Environment,
  readKeyRing,
  readMailApi,
  readSettings,
  readSmtp,
  readSupabase,
} from "../../../supabase/functions/_shared/env.ts";

const supabase = {
  SUPABASE_URL: "https://ref.supabase.co",
  SUPABASE_SECRET_KEYS: '{"default": "sb_secret_of_the_project"}',
};

function environment(values: Record<string, string>): Environment {
  return (name) => values[name];
}

/** Asserts that the start is refused in one sentence that names the variable. */
function refused(name: string, start: () => unknown): void {
  assert.throws(start, (error: Error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.match(error.message, /^Cannot start: [^\n]*[^.\n]$/);
    assert.ok(error.message.includes(name), error.message);
    return true;
  });
}

Deno.test("with nothing set the settings are the contract's defaults", () => {
  assert.deepEqual(readSettings(environment({})), {
    sessionLifetimeSeconds: 900,
    agentLimitPerOwner: 1000,
    trustedProxies: 0,
    publicUrl: null,
    privateTargets: false,
    historyDays: 30,
  });
});

const numbers = [
  { name: "AGENT_SESSION_TTL_SECONDS", good: ["60", "900", "86400"], bad: ["59", "86401", "0"] },
  { name: "AGENT_LIMIT_PER_OWNER", good: ["1", "1000", "1000000"], bad: ["0", "1000001"] },
  { name: "OPENCLAW_TRUST_PROXY", good: ["0", "1", "10"], bad: ["11", "true"] },
  { name: "OPENCLAW_HISTORY_DAYS", good: ["0", "30", "3650"], bad: ["3651", "forever"] },
] as const;

const noNumbers = [
  "abc",
  "60.5",
  "-1",
  " 60",
  "60 ",
  "+60",
  "6e1",
  "0x3c",
  "1,000",
  "９００",
  "9".repeat(30),
];

for (const { name, good, bad } of numbers) {
  for (const value of good) {
    Deno.test(`${name}=${value} is taken`, () => {
      const settings = readSettings(environment({ [name]: value }));
      const read = {
        AGENT_SESSION_TTL_SECONDS: settings.sessionLifetimeSeconds,
        AGENT_LIMIT_PER_OWNER: settings.agentLimitPerOwner,
        OPENCLAW_TRUST_PROXY: settings.trustedProxies,
        OPENCLAW_HISTORY_DAYS: settings.historyDays,
      };
      assert.equal(read[name], Number(value));
    });
  }
  for (const value of [...bad, ...noNumbers]) {
    Deno.test(`${name}="${value}" stops the service`, () => {
      refused(name, () => readSettings(environment({ [name]: value })));
    });
  }
  Deno.test(`an empty ${name} counts as unset`, () => {
    assert.deepEqual(readSettings(environment({ [name]: "" })), readSettings(environment({})));
  });
}

for (
  const [given, wanted] of [
    ["https://fleet.example.com", "https://fleet.example.com"],
    ["https://fleet.example.com/", "https://fleet.example.com"],
    ["https://fleet.example.com//", "https://fleet.example.com"],
    ["https://fleet.example.com/functions/v1", "https://fleet.example.com"],
    ["https://fleet.example.com/functions/v1/", "https://fleet.example.com"],
    ["https://fleet.example.com/base/functions/v1", "https://fleet.example.com/base"],
    ["https://FLEET.example.com:443", "https://fleet.example.com"],
    ["http://127.0.0.1:54321", "http://127.0.0.1:54321"],
    ["http://[::1]:54321/", "http://[::1]:54321"],
    ["https://fleet.example.com/?", "https://fleet.example.com"],
    ["https://fleet.example.com/#", "https://fleet.example.com"],
  ] as const
) {
  Deno.test(`OPENCLAW_PUBLIC_URL=${given} is ${wanted}`, () => {
    assert.equal(readSettings(environment({ OPENCLAW_PUBLIC_URL: given })).publicUrl, wanted);
  });
}

for (
  const value of [
    "fleet.example.com",
    "//fleet.example.com",
    "ftp://fleet.example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https://user@fleet.example.com",
    "https://user:word@fleet.example.com",
    "https://:word@fleet.example.com",
    "https://fleet.example.com/?a=b",
    "https://fleet.example.com/#a",
    "https://fleet example.com",
    "https://fleet.example.com:99999",
  ]
) {
  Deno.test(`OPENCLAW_PUBLIC_URL="${value}" stops the service`, () => {
    refused("OPENCLAW_PUBLIC_URL", () => readSettings(environment({ OPENCLAW_PUBLIC_URL: value })));
  });
}

Deno.test("without OPENCLAW_PUBLIC_URL the service calls itself by SUPABASE_URL", () => {
  assert.equal(readSettings(environment(supabase)).publicUrl, "https://ref.supabase.co");
});

Deno.test("OPENCLAW_PUBLIC_URL goes before SUPABASE_URL", () => {
  const env = environment({ ...supabase, OPENCLAW_PUBLIC_URL: "https://fleet.example.com" });
  assert.equal(readSettings(env).publicUrl, "https://fleet.example.com");
});

Deno.test("Supabase's variables are read, and the inline keys in both of their forms", () => {
  const key = { kty: "EC", kid: "1" };
  for (const jwks of [{ keys: [key] }, [key]]) {
    const env = environment({
      ...supabase,
      SUPABASE_URL: "https://ref.supabase.co/",
      SUPABASE_JWKS: JSON.stringify(jwks),
    });
    assert.deepEqual(readSupabase(env), {
      url: "https://ref.supabase.co",
      secretKeys: { default: "sb_secret_of_the_project" },
      jwks: { keys: [key] },
    });
  }
});

Deno.test("without SUPABASE_JWKS the project's own address has the keys", () => {
  assert.equal(readSupabase(environment(supabase)).jwks, null);
});

for (
  const [name, value] of [
    ["SUPABASE_URL", ""],
    ["SUPABASE_URL", "ref.supabase.co"],
    ["SUPABASE_URL", "postgres://db.example"],
    ["SUPABASE_SECRET_KEYS", ""],
    ["SUPABASE_SECRET_KEYS", "sb_secret_of_the_project"],
    ["SUPABASE_SECRET_KEYS", "{}"],
    ["SUPABASE_SECRET_KEYS", "[]"],
    ["SUPABASE_SECRET_KEYS", "null"],
    ["SUPABASE_SECRET_KEYS", '{"default": ""}'],
    ["SUPABASE_SECRET_KEYS", '{"default": 1}'],
    ["SUPABASE_JWKS", "no json"],
    ["SUPABASE_JWKS", "{}"],
    ["SUPABASE_JWKS", '{"keys": {}}'],
    ["SUPABASE_JWKS", '{"keys": ["a"]}'],
    ["SUPABASE_JWKS", '"keys"'],
  ] as const
) {
  Deno.test(`${name}=${value} stops the service`, () => {
    refused(name, () => readSupabase(environment({ ...supabase, [name]: value })));
  });
}

Deno.test("the message about malformed secret keys does not repeat them", () => {
  const env = environment({ ...supabase, SUPABASE_SECRET_KEYS: "sb_secret_of_the_project" });
  assert.throws(() => readSupabase(env), (error: Error) => !error.message.includes("sb_secret"));
});

Deno.test("AGENT_JWT_KEYS is read", async () => {
  const key = await generateSigningKey();
  const ring = await readKeyRing(environment({ AGENT_JWT_KEYS: JSON.stringify({ keys: [key] }) }));
  assert.equal(ring.signing.kid, key.kid);
});

for (
  const [name, value, what] of [
    ["missing", undefined, /it is not set/],
    ["empty", "", /it is not set/],
    ["no JSON", "{keys", /it is not JSON/],
    ["no set", "[]", /expected a JWK Set/],
    ["a set without a key", '{"keys": []}', /at least one key/],
    ["a set of public keys", JSON.stringify(await publicSet()), /private/],
    ["a set with a bad key", '{"keys": [{}]}', /key 1 is not an Ed25519 key/],
  ] as const
) {
  Deno.test(`AGENT_JWT_KEYS that is ${name} stops the service and names the command that makes one`, async () => {
    const env = environment(value === undefined ? {} : { AGENT_JWT_KEYS: value });
    await assert.rejects(readKeyRing(env), (error: Error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /^Cannot start: AGENT_JWT_KEYS .*"deno task keys"/);
      assert.match(error.message, what);
      return true;
    });
  });
}

Deno.test("an Edge Function starts with Supabase's variables and AGENT_JWT_KEYS", async () => {
  const AGENT_JWT_KEYS = JSON.stringify({ keys: [await generateSigningKey()] });
  const backend = await edgeBackend(environment({ ...supabase, AGENT_JWT_KEYS }), projectOperators);
  assert.equal(backend.issuer, "https://ref.supabase.co/functions/v1");
  assert.equal(backend.sessionLifetimeSeconds, 900);
});

for (const name of ["SUPABASE_URL", "SUPABASE_SECRET_KEYS", "AGENT_JWT_KEYS"]) {
  Deno.test(`an Edge Function does not start without ${name}`, async () => {
    const AGENT_JWT_KEYS = JSON.stringify({ keys: [await generateSigningKey()] });
    const env = environment({ ...supabase, AGENT_JWT_KEYS, [name]: "" });
    await assert.rejects(edgeBackend(env, projectOperators), (error: Error) => {
      return error instanceof ConfigurationError && error.message.includes(name);
    });
  });
}

async function publicSet(): Promise<{ keys: unknown[] }> {
  const { d: _, ...publicKey } = await generateSigningKey();
  return { keys: [publicKey] };
}

Deno.test("a mail server is its address, and its sender the user or ?from=", () => {
  const url = "smtps://ops%40example.com:p%40ss@mail.example.com";
  assert.deepEqual(readSmtp(environment({ OPENCLAW_SMTP_URL: url })), { url, from: "ops@example.com" });
  const named = "smtp://mail.example.com:2525?from=a%2Bb@example.com&pool=true";
  assert.deepEqual(readSmtp(environment({ OPENCLAW_SMTP_URL: named })), {
    url: "smtp://mail.example.com:2525?pool=true",
    from: "a+b@example.com",
  });
  assert.equal(readSmtp(environment({})), null);
});

Deno.test("a mail API is its address, its sender and its key", () => {
  const mail = { OPENCLAW_MAIL_URL: "https://api.example.com/emails?from=ops@example.com" };
  assert.deepEqual(readMailApi(environment({ ...mail, OPENCLAW_MAIL_KEY: "key" })), {
    url: "https://api.example.com/emails",
    from: "ops@example.com",
    key: "key",
  });
  assert.equal(readMailApi(environment({ OPENCLAW_MAIL_KEY: "key" })), null);
  assert.throws(() => readMailApi(environment(mail)), /OPENCLAW_MAIL_KEY is not set/);
});

for (
  const url of [
    "mail.example.com",
    "http://ops@example.com:secret@mail.example.com",
    "smtp://ops:secret@mail.example.com",
    "smtp://%zz:secret@mail",
  ]
) {
  Deno.test(`OPENCLAW_SMTP_URL=${url} → an error that names it, and not what it holds`, () => {
    assert.throws(() => readSmtp(environment({ OPENCLAW_SMTP_URL: url })), (error: Error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /^Cannot start: OPENCLAW_SMTP_URL is not an address with a sender/);
      return !error.message.includes("secret");
    });
  });
}

Deno.test("OPENCLAW_PRIVATE_TARGETS is 0 or 1, and nothing else", () => {
  for (const [value, expected] of [["0", false], ["1", true]] as const) {
    assert.equal(readSettings(environment({ OPENCLAW_PRIVATE_TARGETS: value })).privateTargets, expected);
  }
  for (const value of ["2", "true", "yes"]) {
    assert.throws(() => readSettings(environment({ OPENCLAW_PRIVATE_TARGETS: value })), ConfigurationError);
  }
});
