import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readUsable } from "../../../cli/identity/credentials.ts";
import { readIdentity } from "../../../cli/identity/identity.ts";
import type { IdentityFlags } from "../../../cli/identity/named_agent.ts";
import { readSecretFile } from "../../../cli/identity/secret_file.ts";
import { type ConnectionFlags, readSetup, type Setup } from "../../../cli/identity/setup.ts";
import { CliError, type Failure } from "../../../cli/terminal/errors.ts";
import { storeCredentials, writePrivate } from "../../_support/home.ts";
import { credentialsPath } from "../../_support/program.ts";
import { assertNoSecret } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

// Which id and secret count, and which are refused: read as every command of an agent reads them.

const agent = { id: agentId, secret: agentSecret };
const other = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
const third = "2c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
const stored = "https://stored.example";
const unix = Deno.build.os === "windows" ? ["the modes of Unix"] : [];

type Flags = ConnectionFlags & IdentityFlags;

interface Given {
  flags?: Flags;
  env?: Record<string, string>;
}

/** What a command line and an environment come to in this home, and what was warned of. */
async function read(
  home: string,
  { flags = {}, env = {} }: Given = {},
): Promise<Setup & { warnings: string[] }> {
  const variables: Record<string, string> = { HOME: home, USERPROFILE: home, ...appData(home), ...env };
  const warnings: string[] = [];
  const setup = await readSetup(flags, {
    environment: (name) => variables[name] || undefined,
    warn: (text) => warnings.push(text),
  });
  return { ...setup, warnings };
}

function appData(home: string): Record<string, string> {
  return { APPDATA: join(home, "AppData", "Roaming") };
}

/** Asserts that it is refused with this failure and message, and a hint. Returns the error. */
async function assertRefused(work: Promise<unknown>, failure: Failure, says: RegExp): Promise<CliError> {
  const error = await work.then(() => assert.fail("it was not refused"), (thrown) => thrown);
  assert.ok(error instanceof CliError, String(error));
  assert.match(`${error.message}\nhint: ${error.hint}\n`, says);
  assert.equal(error.failure, failure);
  assert.ok(error.hint);
  return error;
}

const refused: (Given & { name: string; failure: Failure; says: RegExp })[] = [
  {
    name: "nothing that names an agent",
    failure: "usage",
    says: /no flags, no environment and no ".*credentials.json"/,
  },
  {
    name: "an id without a secret",
    flags: { agentId },
    failure: "usage",
    says: /--agent-secret-file is missing/,
  },
  {
    name: "a secret without an id",
    flags: { agentSecret },
    failure: "usage",
    says: /--agent-id is missing/,
  },
  {
    name: "an id from a flag and a secret from the environment",
    flags: { agentId },
    env: { OPENCLAW_AGENT_SECRET: agentSecret },
    failure: "usage",
    says: /--agent-secret-file is missing/,
  },
  {
    name: "half an environment",
    env: { OPENCLAW_AGENT_ID: agentId },
    failure: "usage",
    says: /OPENCLAW_AGENT_SECRET_FILE is missing/,
  },
  {
    name: "two secrets",
    flags: { agentId, agentSecret, agentSecretFile: "x" },
    failure: "usage",
    says: /both/,
  },
  {
    name: "two secrets in the environment",
    env: { OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: agentSecret, OPENCLAW_AGENT_SECRET_FILE: "x" },
    failure: "usage",
    says: /both[^]*hint: unset OPENCLAW_AGENT_SECRET\n/,
  },
  {
    name: "an id that is no UUID",
    flags: { agentId: "7", agentSecret },
    failure: "usage",
    says: /"7": it is not a UUID/,
  },
  {
    name: "a cut secret",
    flags: { agentId, agentSecret: agentSecret.slice(0, 50) },
    failure: "usage",
    says: /it has 50 characters, a secret has 54/,
  },
  {
    name: "a mistyped secret",
    flags: { agentId, agentSecret: agentSecret.replace("CAwQ", "CAwR") },
    failure: "usage",
    says: /its checksum does not fit/,
  },
  {
    name: "a secret file that is not there",
    flags: { agentId, agentSecretFile: "/nowhere/secret" },
    failure: "notFound",
    says: /there is no such file/,
  },
  {
    name: "http to another host",
    flags: { agentId, agentSecret, url: "http://fleet.example" },
    failure: "usage",
    says: /http is not encrypted, use https/,
  },
  {
    name: "a URL that is none",
    flags: { agentId, agentSecret, url: "fleet" },
    failure: "usage",
    says: /the URL "fleet" of --url: an address like https/,
  },
  {
    name: "a URL in the environment that is none",
    env: { OPENCLAW_URL: "fleet", OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: agentSecret },
    failure: "usage",
    says: /the URL "fleet" of OPENCLAW_URL: an address like https/,
  },
  {
    name: "a certificate file that is not there",
    flags: { agentId, agentSecret, caFile: "/nowhere/ca.pem" },
    failure: "usage",
    says: /Cannot read the certificates/,
  },
];

for (const { name, failure, says, ...given } of refused) {
  Deno.test(`an agent given by ${name} → ${failure}, and the secret is not repeated`, async () => {
    await using home = await temporaryFolder();
    const error = await assertRefused(read(home.path, given), failure, says);
    assertNoSecret(error.message);
  });
}

Deno.test("a certificate file without a certificate → usage", async () => {
  await using home = await temporaryFolder();
  const caFile = join(home.path, "ca.pem");
  await Deno.writeTextFile(caFile, "a host's name\n");
  await assertRefused(
    read(home.path, { flags: { agentId, agentSecret, caFile } }),
    "usage",
    /there is none in PEM/,
  );
});

Deno.test("flags beat the environment, the environment beats the file", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, stored, agent);
  const env = { OPENCLAW_AGENT_ID: other, OPENCLAW_AGENT_SECRET: agentSecret };
  const flags = { agentId: third, agentSecret };
  const found = [
    await read(home.path),
    await read(home.path, { env }),
    await read(home.path, { flags, env }),
  ].map(({ identity }) => [identity.layer, identity.agentId]);
  assert.deepEqual(found, [["file", agentId], ["environment", other], ["flags", third]]);
});

Deno.test("the server: --url beats OPENCLAW_URL, OPENCLAW_URL beats the file, the file beats the default", async () => {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: agentSecret };
  const elsewhere = { ...env, OPENCLAW_URL: "https://variable.example" };
  const urlOf = async (given: Given): Promise<string> => (await read(home.path, given)).connection.url;
  assert.equal(
    await urlOf({ env }),
    "http://127.0.0.1:54321",
    "this host's own, at the port of openclaw serve",
  );
  await storeCredentials(home.path, stored, agent);
  assert.equal(await urlOf({ env }), stored);
  assert.equal(await urlOf({ env: elsewhere }), "https://variable.example");
  assert.equal(
    await urlOf({ env: elsewhere, flags: { url: "https://flag.example" } }),
    "https://flag.example",
  );
});

Deno.test("a secret from a flag is used, with one warning that names the safer way", async () => {
  await using home = await temporaryFolder();
  const { identity, warnings } = await read(home.path, { flags: { agentId, agentSecret } });
  assert.equal(identity.secret, agentSecret);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? "",
    /^--agent-secret is visible to every user of this host .*--agent-secret-file/,
  );
});

testWith(unix, "a secret file that others may read is used, with one warning", async () => {
  await using home = await temporaryFolder();
  const agentSecretFile = join(home.path, "secret");
  await Deno.writeTextFile(agentSecretFile, `${agentSecret}\n`, { mode: 0o600 });
  const flags = { agentId, agentSecretFile };
  const closed = await read(home.path, { flags });
  assert.deepEqual([closed.identity.secret, closed.warnings], [agentSecret, []]);
  await Deno.chmod(agentSecretFile, 0o644);
  const { identity, warnings } = await read(home.path, { flags });
  assert.equal(identity.secret, agentSecret);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^the secret's file .* is open to others: its mode is 0644/);
});

testWith(
  Deno.build.os === "linux" ? [] : ["Linux's /dev/zero"],
  "a secret file without an end is given up before it fills the memory",
  async () => {
    const text = await readSecretFile("/dev/zero", () => undefined);
    assert.ok(text.length > 4096 && text.length < 200_000, `${text.length} characters were read`);
    await using home = await temporaryFolder();
    const flags = { agentId, agentSecretFile: "/dev/zero" };
    await assertRefused(
      read(home.path, { flags }),
      "usage",
      /^Cannot use the agent secret: it has \d+ characters/,
    );
  },
);

const fileModes = [0o640, 0o604, 0o610, 0o660];
const folderModes = [0o770, 0o707, 0o777];

for (const mode of fileModes) {
  testWith(
    unix,
    `a credentials file of mode 0${mode.toString(8)} → refused, with the command that mends it`,
    async () => {
      await using home = await temporaryFolder();
      await storeCredentials(home.path, stored, agent);
      const path = credentialsPath(home.path);
      await Deno.chmod(path, mode);
      const error = await assertRefused(
        read(home.path),
        "refused",
        new RegExp(`its mode is 0${mode.toString(8)}`),
      );
      assert.equal(error.hint, `chmod 600 '${path}'`);
      await Deno.chmod(path, 0o600);
      assert.equal((await read(home.path)).identity.agentId, agentId);
    },
  );
}

for (const mode of folderModes) {
  const bits = `0${mode.toString(8)}`;
  testWith(
    unix,
    `a credentials file in a folder of mode ${bits} → refused, with the command that mends it`,
    async () => {
      await using home = await temporaryFolder();
      await storeCredentials(home.path, stored, agent);
      const folder = dirname(credentialsPath(home.path));
      await Deno.chmod(folder, mode);
      const error = await assertRefused(
        read(home.path),
        "refused",
        new RegExp(`the mode of its folder is ${bits}`),
      );
      assert.equal(error.hint, `chmod 700 '${folder}'`);
      await Deno.chmod(folder, 0o755);
      assert.equal((await read(home.path)).identity.agentId, agentId);
    },
  );
}

testWith(["root"], "a credentials file of another user → refused", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, stored, agent);
  await Deno.chown(credentialsPath(home.path), 12_345, 12_345);
  await assertRefused(read(home.path), "refused", /it belongs to user 12345/);
});

testWith(
  unix,
  "a credentials file that is refused does not send the secret of the flags to the default server",
  async () => {
    await using home = await temporaryFolder();
    await storeCredentials(home.path, stored, agent);
    await Deno.chmod(credentialsPath(home.path), 0o644);
    const flags = { agentId, agentSecret };
    await assertRefused(
      read(home.path, { flags }),
      "refused",
      /its mode is 0644.*it names the server where --url does not/,
    );
    const url = "https://flag.example";
    assert.equal((await read(home.path, { flags: { ...flags, url } })).connection.url, url);
  },
);

testWith(
  unix,
  "a folder that systemd brings credentials in is used, with a warning where others may read them",
  async () => {
    await using home = await temporaryFolder();
    await storeCredentials(home.path, stored, agent);
    const folder = join(home.path, "credentials");
    const brought = join(folder, "credentials.json");
    await Deno.mkdir(folder);
    await Deno.rename(credentialsPath(home.path), brought);
    const env = { CREDENTIALS_DIRECTORY: folder };
    const closed = await read(home.path, { env });
    assert.deepEqual([closed.identity.path, closed.connection.url, closed.warnings], [brought, stored, []]);
    await Deno.chmod(brought, 0o644);
    const { identity, warnings } = await read(home.path, { env });
    assert.equal(identity.agentId, agentId);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /^the credentials file .* is open to others: its mode is 0644/);
  },
);

const broken: [name: string, text: string | null, says: RegExp, failure?: Failure][] = [
  ["half a file", '{ "version": 1, "url": "ht', /it is not a JSON object/],
  ["an array", "[]", /it is not a JSON object/],
  ["a file of the future", '{ "version": 2 }', /"version" is not 1/],
  [
    "a file without a secret",
    `{ "version": 1, "url": "${stored}", "agent_id": "${agentId}" }`,
    /"agent_secret" cannot be right/,
  ],
  [
    "a file whose URL a terminal would act on",
    `{ "version": 1, "url": "https://x/\\u001b[2J", "agent_id": "${agentId}", "agent_secret": "${agentSecret}" }`,
    /"url" has a control character/,
  ],
  ["a folder", null, /Cannot read the credentials file/, "refused"],
];

for (const [name, text, says, failure = "usage"] of broken) {
  Deno.test(`credentials in ${name} → ${failure}`, async () => {
    await using home = await temporaryFolder();
    const path = credentialsPath(home.path);
    if (text === null) await Deno.mkdir(path, { recursive: true });
    else await writePrivate(path, text);
    await assertRefused(read(home.path), failure, says);
    assert.equal(await readUsable((name) => name === "HOME" ? home.path : undefined), null);
  });
}

Deno.test("an agent's id in capitals is the same agent", async () => {
  const { agentId: id } = await readIdentity({ agentId: agentId.toUpperCase(), agentSecret, url: stored }, {
    environment: () => undefined,
    warn: () => undefined,
  });
  assert.equal(id, agentId);
});
