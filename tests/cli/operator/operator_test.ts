import assert from "node:assert/strict";
import { join } from "node:path";
import { openOperator, type Operator } from "../../../cli/operator/operator.ts";
import { keepLogin, type Login, loginsPath } from "../../../cli/operator/logins.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { operatorKey } from "../../_support/fake_fleet.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { assertNoSecret } from "../../_support/refused.ts";
import { agentSecret, enrollmentCode, readerKey } from "../../_support/vectors.ts";

const serverKey = "sb_secret_of-the-server-that-was-started-here";
const here = "http://127.0.0.1:54399";
const hasModes = Deno.build.os !== "windows";

interface Given {
  env?: Record<string, string>;
  url?: string;
  /** What is in ./openclaw-data; without it, there is none. */
  folder?: { url?: string; key?: string; mode?: number; keyMode?: number; urlMode?: number };
  logins?: string[];
}

interface Opened {
  operator: Operator;
  headers: Record<string, string>;
  warnings: string[];
}

/** Opens the operator in a working folder and a home of its own. */
async function open({ env = {}, url, folder, logins = [] }: Given): Promise<Opened> {
  await using home = await temporaryFolder();
  if (folder !== undefined) await layFolder(home.path, folder);
  const environment = (name: string): string | undefined => ({ HOME: home.path, ...env })[name];
  for (const login of logins) await keepLogin(loginsPath(environment), loginAt(login));
  const warnings: string[] = [];
  const flags = url === undefined ? {} : { url };
  const around = { environment, here: home.path, warn: (text: string) => warnings.push(text) };
  const operator = await openOperator(flags, around);
  return { operator, headers: await operator.authorize(), warnings };
}

/** Opens it with nothing but what is in a folder, which is home and working folder. */
async function openIn(folder: string): Promise<Operator> {
  const environment = (name: string): string | undefined => name === "HOME" ? folder : undefined;
  return await openOperator({}, { environment, here: folder, warn: () => undefined });
}

async function layFolder(
  here: string,
  { url, key, mode = 0o700, keyMode = 0o600, urlMode = 0o644 }: NonNullable<Given["folder"]>,
) {
  const folder = join(here, "openclaw-data");
  await Deno.mkdir(folder);
  if (url !== undefined) await Deno.writeTextFile(join(folder, "url"), `${url}\n`);
  if (key !== undefined) await Deno.writeTextFile(join(folder, "operator-key"), `${key}\n`);
  if (!hasModes) return;
  if (url !== undefined) await Deno.chmod(join(folder, "url"), urlMode);
  if (key !== undefined) await Deno.chmod(join(folder, "operator-key"), keyMode);
  await Deno.chmod(folder, mode);
}

function loginAt(url: string): Login {
  return {
    url,
    publishableKey: "sb_publishable_x",
    email: "you@example.com",
    accessToken: `token-of-${url}`,
    refreshToken: "r",
    receivedAt: new Date(),
    expiresIn: 3600,
  };
}

async function assertFails(given: Given, failure: string, message: RegExp): Promise<void> {
  await assert.rejects(open(given), (error) => {
    assert.ok(error instanceof CliError, String(error));
    const said = `${error.message}\n${error.hint}`;
    assert.deepEqual([error.failure, message.test(error.message)], [failure, true], said);
    assertNoSecret(said);
    for (const key of [operatorKey, serverKey, readerKey, enrollmentCode]) {
      assert.ok(!said.includes(key), said);
    }
    return true;
  });
}

const found: [name: string, given: Given, credential: string, url: string, header: string][] = [
  [
    "the key of the environment comes first",
    {
      env: { OPENCLAW_OPERATOR_KEY: ` ${operatorKey}\n` },
      folder: { url: here, key: serverKey },
      logins: [here],
    },
    "environment",
    here,
    operatorKey,
  ],
  [
    "a reader's key is taken, too",
    { env: { OPENCLAW_OPERATOR_KEY: readerKey } },
    "environment",
    "http://127.0.0.1:54321",
    readerKey,
  ],
  [
    "the login comes before the key of the server that was started here",
    { folder: { url: here, key: serverKey }, logins: [here] },
    "login",
    here,
    `Bearer token-of-${here}`,
  ],
  [
    "the server that was started here is the one that is meant, with its key",
    { folder: { url: here, key: serverKey }, logins: ["https://other.example"] },
    "data folder",
    here,
    serverKey,
  ],
  [
    "the same server, however its URL is written",
    { url: `${here}/functions/v1/`, folder: { url: here, key: serverKey } },
    "data folder",
    here,
    serverKey,
  ],
  [
    "the last login is the one that is meant where no server was started",
    { logins: ["https://first.example", "https://last.example"] },
    "login",
    "https://last.example",
    "Bearer token-of-https://last.example",
  ],
  [
    "a login is kept by URL",
    { url: "https://first.example", logins: ["https://first.example", "https://last.example"] },
    "login",
    "https://first.example",
    "Bearer token-of-https://first.example",
  ],
  [
    "OPENCLAW_URL comes before the server that was started here",
    {
      env: { OPENCLAW_URL: "https://first.example" },
      folder: { url: here, key: serverKey },
      logins: ["https://first.example"],
    },
    "login",
    "https://first.example",
    "Bearer token-of-https://first.example",
  ],
  [
    "a key of the environment is not sent to the project of a login that nobody named",
    { env: { OPENCLAW_OPERATOR_KEY: operatorKey }, logins: ["https://project.example"] },
    "environment",
    "http://127.0.0.1:54321",
    operatorKey,
  ],
];
for (const [name, given, credential, url, header] of found) {
  Deno.test(`the operator: ${name}`, async () => {
    const { operator, headers } = await open(given);
    assert.deepEqual([operator.credential, operator.url], [credential, url]);
    assert.ok(Object.values(headers).includes(header), JSON.stringify(headers));
  });
}

const refused: [name: string, given: Given, failure: string, message: RegExp][] = [
  ["nothing at all", {}, "usage", /no key in the environment, no login, and no data folder/],
  [
    "the key of the server that was started here is not sent to another one",
    { url: "http://127.0.0.1:54398", folder: { url: here, key: serverKey } },
    "usage",
    /Cannot tell who you are at http:\/\/127\.0\.0\.1:54398/,
  ],
  [
    "nor is the token of a login",
    { url: "https://other.example", logins: ["https://project.example"] },
    "usage",
    /Cannot tell who you are at https:\/\/other\.example/,
  ],
  [
    "nor the key of a server that has not said its URL",
    { folder: { key: serverKey } },
    "usage",
    /Cannot tell who you are/,
  ],
  [
    "both variables",
    { env: { OPENCLAW_OPERATOR_KEY: operatorKey, OPENCLAW_OPERATOR_KEY_FILE: "key" } },
    "usage",
    /both OPENCLAW_OPERATOR_KEY_FILE and OPENCLAW_OPERATOR_KEY/,
  ],
  [
    "a file that is not there",
    { env: { OPENCLAW_OPERATOR_KEY_FILE: "key" } },
    "notFound",
    /the operator's key from "key"/,
  ],
  ["an agent's secret", { env: { OPENCLAW_OPERATOR_KEY: agentSecret } }, "usage", /it is an agent's secret/],
  [
    "an enrollment code",
    { env: { OPENCLAW_OPERATOR_KEY: enrollmentCode } },
    "usage",
    /it is an enrollment code/,
  ],
  [
    "a publishable key",
    { env: { OPENCLAW_OPERATOR_KEY: "sb_publishable_x" } },
    "usage",
    /it is a publishable key/,
  ],
  [
    "a reader's key that was cut",
    { env: { OPENCLAW_OPERATOR_KEY: readerKey.slice(0, 50) } },
    "usage",
    /it has 50 characters/,
  ],
  [
    "a secret API key that was cut",
    { env: { OPENCLAW_OPERATOR_KEY: "sb_secret_nope" } },
    "usage",
    /after "sb_secret_" it is too short/,
  ],
  [
    "a text that is no key",
    { env: { OPENCLAW_OPERATOR_KEY: "hunter2" } },
    "usage",
    /it is neither a secret API key/,
  ],
  [
    "a login kept in the clear network",
    { env: { OPENCLAW_OPERATOR_KEY: operatorKey }, url: "http://fleet.example" },
    "usage",
    /http is not encrypted/,
  ],
];
for (const [name, given, failure, message] of refused) {
  Deno.test(`the operator: ${name} → ${failure}, and no key is repeated`, () =>
    assertFails(given, failure, message));
}

const open600 = { url: here, key: serverKey };
const exposed: [name: string, folder: NonNullable<Given["folder"]>, message: RegExp][] = [
  ["a folder that others may write", { ...open600, mode: 0o777 }, /its mode is 0777/],
  ["a key that others may read", { ...open600, keyMode: 0o644 }, /operator-key: its mode is 0644/],
  ["a URL that others may write", { ...open600, urlMode: 0o666 }, /url: others can change it/],
];
for (const [name, folder, message] of exposed) {
  Deno.test({
    name: `the operator: ${name} → refused, and nothing is sent`,
    ignore: !hasModes,
    fn: () => assertFails({ folder }, "refused", message),
  });
}

Deno.test({
  name: "the operator: a data folder of another user is refused, whatever is in it",
  ignore: !hasModes || Deno.uid() !== 0,
  async fn() {
    await using folder = await temporaryFolder();
    await layFolder(folder.path, open600);
    await Deno.chown(join(folder.path, "openclaw-data"), 12_345, 12_345);
    await assert.rejects(openIn(folder.path), { failure: "refused", message: /it belongs to user 12345/ });
  },
});

Deno.test({
  name: "the operator: a link in the place of the key, or of the URL, is refused",
  ignore: !hasModes,
  async fn() {
    for (const name of ["url", "operator-key"]) {
      await using folder = await temporaryFolder();
      await layFolder(folder.path, open600);
      const path = join(folder.path, "openclaw-data", name);
      await Deno.rename(path, join(folder.path, "elsewhere"));
      await Deno.symlink(join(folder.path, "elsewhere"), path);
      await assert.rejects(openIn(folder.path), { failure: "refused", message: /it is not a regular file/ });
    }
  },
});

Deno.test({
  name: "the operator: a key file that others may read is used, with a warning that does not repeat it",
  ignore: !hasModes,
  async fn() {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "key");
    await Deno.writeTextFile(path, `\uFEFF${operatorKey}\n`, { mode: 0o644 });
    const { headers, warnings } = await open({ env: { OPENCLAW_OPERATOR_KEY_FILE: path } });
    assert.equal(headers.apikey, operatorKey);
    assert.match(warnings.join(), /is open to others/);
    assert.ok(!warnings.join().includes(operatorKey));
  },
});
