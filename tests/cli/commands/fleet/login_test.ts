import assert from "node:assert/strict";
import { join } from "node:path";
import { keepLogin, loginsPath } from "../../../../cli/operator/logins.ts";
import { send, text } from "../../../_support/client.ts";
import { closedPort } from "../../../_support/port.ts";
import { isThere, ownEnvironment, type Run, run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { atTerminal } from "../../../_support/pty.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import {
  publishableKey,
  refusal,
  type SignInServer,
  startSignInServer,
  user,
} from "../../../_support/sign_in_server.ts";
import { testWith } from "../../../_support/tools.ts";

const terminal = Deno.build.os === "windows" ? ["the terminals of Unix"] : ["python3"];

/** A home, and a project to log in to. */
interface Scene extends AsyncDisposable {
  home: string;
  project: SignInServer;
  path: string;
  openclaw: (args: string[], stdin?: string) => Promise<Run>;
  login: (more?: string[], stdin?: string) => Promise<Run>;
  /** Keeps what `openclaw login` with the password would. */
  logIn: () => Promise<void>;
  stored: () => Promise<Record<string, unknown>[]>;
  /** Changes the kept login, as time or somebody else does. */
  change: (more: Record<string, unknown>) => Promise<void>;
}

async function scene(): Promise<Scene> {
  const folder = await temporaryFolder();
  const project = startSignInServer();
  const home = folder.path;
  const environment = ownEnvironment(home);
  const path = loginsPath((name) => environment[name]);
  const start = (args: string[], stdin?: string): Promise<Run> =>
    runInSession(args, { home, ...(stdin === undefined ? {} : { stdin }) });
  const stored = async (): Promise<Record<string, unknown>[]> =>
    JSON.parse(await Deno.readTextFile(path)).logins;
  return {
    home,
    project,
    path,
    openclaw: start,
    login: (more = ["--email", user.email], stdin = `${user.password}\n`) =>
      start(["login", "--url", project.url, "--publishable-key", publishableKey, ...more], stdin),
    stored,
    async logIn() {
      const { email, password } = user;
      const { body } = await send(`${project.url}/auth/v1/token?grant_type=password`, {
        headers: { apikey: publishableKey },
        body: { email, password },
      });
      await keepLogin(path, {
        url: project.url,
        publishableKey,
        email,
        accessToken: text(body.access_token),
        refreshToken: text(body.refresh_token),
        receivedAt: new Date(),
        expiresIn: Number(body.expires_in),
      });
    },
    async change(more) {
      const logins = (await stored()).map((login) => ({ ...login, ...more }));
      await Deno.writeTextFile(path, JSON.stringify({ version: 1, logins }));
    },
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function assertNothingShown({ stdout, stderr }: Run): void {
  for (const secret of [user.password, user.code, "eyJ", "refresh1"]) {
    assert.ok(!`${stdout}${stderr}`.includes(secret), `${stdout}${stderr}`);
  }
}

Deno.test("openclaw login with a password keeps the session by URL, mode 0600, and fleet uses it without being told the URL", async () => {
  await using one = await scene();
  const { project, path, stored } = one;
  const made = await one.login();
  assert.deepEqual([made.code, made.stdout], [0, ""], made.stderr);
  assert.match(made.stderr, /^logged in at \S+ as you@example\.com; the session is kept in [^\n]+\n$/);
  assertNothingShown(made);
  if (Deno.build.os !== "windows") assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const [login] = await stored();
  assert.deepEqual([login?.url, login?.email, login?.refresh_token], [project.url, user.email, "refresh1"]);
  const { code, stdout, stderr } = await one.openclaw(["fleet"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^the only one is online\n/);
  assert.deepEqual(project.steps(), ["token password", "agents"]);
  const [password, agents] = project.asked;
  assert.deepEqual([password?.apikey, agents?.apikey], [publishableKey, publishableKey]);
});

Deno.test("openclaw login with a one-time code asks for one, makes no user, and takes it from stdin", async () => {
  await using one = await scene();
  const made = await one.login(["--email", user.email, "--code", "--json"], `${user.code}\r\n`);
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(JSON.parse(made.stdout), { url: one.project.url, email: user.email, path: one.path });
  assertNothingShown(made);
  assert.deepEqual(one.project.steps(), ["otp", "verify"]);
  assert.equal(one.project.asked[0]?.body.create_user, false);
});

testWith(
  terminal,
  "openclaw login asks on a terminal for e-mail and password, and does not show the password",
  async () => {
    await using one = await scene();
    const { program, args } = openclaw([
      "login",
      "--url",
      one.project.url,
      "--publishable-key",
      publishableKey,
    ]);
    const { code, text, isRestored } = await atTerminal([program, ...args], {
      home: one.home,
      steps: [["wait", "The e-mail address"], ["type", `${user.email}\r`], ["wait", "The password"], [
        "type",
        `${user.password}\r`,
      ]],
    });
    assert.deepEqual([code, isRestored], [0, true], text);
    assert.ok(!text.includes(user.password));
    assert.equal((await one.stored()).length, 1);
  },
);

const refused: [name: string, more: string[], stdin: string, code: number, message: RegExp][] = [
  [
    "a wrong password",
    ["--email", user.email],
    "wrong",
    3,
    /Cannot log in: \S+ refuses it: It is invalid_credentials/,
  ],
  [
    "a wrong code",
    ["--email", user.email, "--code"],
    "000000",
    3,
    /Cannot log in: \S+ refuses it: It is otp_expired/,
  ],
  ["a code for a stranger", ["--email", "no@example.com", "--code"], user.code, 3, /Cannot send a code: /],
  ["an empty password", ["--email", user.email], "\n", 2, /the password is empty/],
  ["no e-mail", [], user.password, 2, /--email is missing/],
];
for (const [name, more, stdin, code, message] of refused) {
  Deno.test(`openclaw login with ${name} → exit code ${code}, and nothing is kept`, async () => {
    await using one = await scene();
    const result = await one.login(more, stdin);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
    assertNothingShown(result);
    assert.equal(await isThere(one.path), false);
  });
}

const projects: [name: string, answer: () => Response, code: number, message: RegExp][] = [
  ["fails", () => new Response("no", { status: 502 }), 6, /does not answer as it should/],
  ["is asked too often", () => refusal("over_request_rate_limit", 429), 6, /asked too often/],
  [
    "is the embedded server, which knows no users",
    () =>
      Response.json({ error: "not_found", error_description: "Cannot find it", request_id: "r" }, {
        status: 404,
      }),
    2,
    /it is not a Supabase project/,
  ],
  ["answers with a page", () => new Response("<html>", { status: 404 }), 6, /does not answer as it should/],
  [
    "redirects",
    () => new Response(null, { status: 307, headers: { location: "http://192.0.2.1/" } }),
    6,
    /does not answer as it should/,
  ],
];
for (const [name, answer, code, message] of projects) {
  Deno.test(`openclaw login at a server that ${name} → exit code ${code} after one request`, async () => {
    await using one = await scene();
    one.project.instead = answer;
    const result = await one.login();
    assertRefused(result, code, message);
    assert.equal(one.project.asked.length, 1);
  });
}

Deno.test("openclaw login at a server that is down → unreachable, without waiting for it to come back", async () => {
  await using one = await scene();
  const args = ["login", "--url", closedPort(), "--publishable-key", publishableKey, "--email", user.email];
  assertRefused(await one.openclaw(args, user.password), 6, /Cannot log in: \S+ does not answer/);
});

Deno.test("openclaw login with a secret key in the command line → usage, and the key is not repeated", async () => {
  await using one = await scene();
  const key = "sb_secret_0123456789abcdefghijk";
  const args = ["login", "--url", one.project.url, "--publishable-key", key, "--email", user.email];
  const { code, stderr } = await one.openclaw(args, user.password);
  assert.equal(code, 2);
  assert.match(stderr, /It is a secret key/);
  assert.ok(!stderr.includes(key), stderr);
  assert.deepEqual(one.project.asked, []);
});

Deno.test("openclaw login without the project's publishable key → usage, and nobody is asked", async () => {
  await using one = await scene();
  const args = ["login", "--url", one.project.url, "--email", user.email];
  assertRefused(await one.openclaw(args, user.password), 2, /Cannot log in: --publishable-key is missing/);
  assert.deepEqual(one.project.asked, []);
});

Deno.test("openclaw login has no flag for a password or a code", async () => {
  await using one = await scene();
  for (const flag of ["--password", "--code=123456"]) {
    const { code, stderr } = await one.login(["--email", user.email, flag]);
    assert.equal(code, 2, stderr);
  }
  assert.deepEqual(one.project.asked, []);
});

Deno.test("a session that is about to expire is renewed and stored before it is used", async () => {
  await using one = await scene();
  await one.logIn();
  await one.change({ received_at: new Date(Date.now() - 3_550_000).toISOString() });
  assert.equal((await one.openclaw(["fleet"])).code, 0);
  assert.equal((await one.openclaw(["fleet"])).code, 0);
  assert.deepEqual(one.project.steps(), ["token password", "token refresh_token", "agents", "agents"]);
  assert.equal((await one.stored())[0]?.refresh_token, "refresh2");
});

for (const [name, hours] of [["behind", 48], ["ahead", -48]] as const) {
  Deno.test(`a clock that was ${name} when the session was kept renews it, and says nothing`, async () => {
    await using one = await scene();
    await one.logIn();
    await one.change({ received_at: new Date(Date.now() - hours * 3_600_000).toISOString() });
    const { code, stderr } = await one.openclaw(["fleet"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(one.project.steps().slice(1), ["token refresh_token", "agents"]);
  });
}

Deno.test("a session that the server does not take any more is renewed once, and the request sent again", async () => {
  await using one = await scene();
  await one.logIn();
  one.project.tokens.clear();
  assert.equal((await one.openclaw(["fleet"])).code, 0);
  assert.deepEqual(one.project.steps().slice(1), ["agents", "token refresh_token", "agents"]);
});

Deno.test("a refused refresh → exit code 3 and the hint to log in again; the login is kept for logout", async () => {
  await using one = await scene();
  await one.logIn();
  one.project.refreshTokens.clear();
  await one.change({ expires_in: 0 });
  const result = await one.openclaw(["fleet"]);
  assertRefused(
    result,
    3,
    /Cannot renew the login: \S+ refuses it: It is refresh_token_already_used\nhint: .*login --url/,
  );
  assertNothingShown(result);
  assert.equal((await one.stored()).length, 1);
});

Deno.test("a refresh during an outage → unreachable, and the refresh token is not lost", async () => {
  await using one = await scene();
  await one.logIn();
  await one.change({ expires_in: 0 });
  one.project.instead = ({ path }) => path.startsWith("/auth") ? new Response("no", { status: 503 }) : null;
  assertRefused(await one.openclaw(["fleet"]), 6, /Cannot renew the login: \S+ does not answer as it should/);
  assert.equal((await one.stored())[0]?.refresh_token, "refresh1");
  one.project.instead = () => null;
  assert.match((await one.openclaw(["fleet"])).stderr, /^$/);
});

Deno.test("three commands at once renew a session once, under a lock, and all go on", async () => {
  await using one = await scene();
  await one.logIn();
  await one.change({ received_at: new Date(0).toISOString() });
  const results = await Promise.all([1, 2, 3].map(() => run(["fleet"], { home: one.home })));
  assert.deepEqual(results.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""], [0, ""]]);
  assert.equal(one.project.steps().filter((step) => step === "token refresh_token").length, 1);
});

Deno.test("openclaw logout ends the session here and at the project, and a second one has nothing to end", async () => {
  await using one = await scene();
  await one.logIn();
  const { code, stderr } = await one.openclaw(["logout"]);
  assert.deepEqual([code, stderr], [0, `logged out at ${one.project.url}\n`]);
  assert.equal(one.project.tokens.size, 0);
  assert.equal(await isThere(one.path), false);
  assert.equal((await one.openclaw(["logout"])).stderr, "there was no login to end\n");
  assert.equal((await one.openclaw(["fleet", "--url", one.project.url])).code, 2);
});

Deno.test("openclaw logout without the project forgets the session here, with a warning", async () => {
  await using one = await scene();
  await one.logIn();
  one.project.instead = () => new Response("no", { status: 503 });
  const { code, stderr } = await one.openclaw(["logout"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /warning: the login is forgotten here, but the project may keep its session/);
  assert.equal(await isThere(one.path), false);
});

Deno.test({
  name: "a login that others can read is refused, and nothing is sent",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using one = await scene();
    await one.logIn();
    await Deno.chmod(one.path, 0o644);
    assertRefused(await one.openclaw(["fleet"]), 3, /Cannot use the logins in "[^"]+": its mode is 0644/);
    assert.deepEqual(one.project.steps(), ["token password"]);
  },
});

Deno.test("a malformed file of logins → usage that names it", async () => {
  await using one = await scene();
  await one.logIn();
  await Deno.writeTextFile(one.path, '{"version":1,"logins":[{"url":"x"}]}');
  assertRefused(await one.openclaw(["fleet"]), 2, /Cannot use the logins in "[^"]+": they are malformed/);
});

Deno.test("a login stands beside the agent's folder, not in it: an installation there meets no stranger's file", async () => {
  await using one = await scene();
  await one.logIn();
  assert.equal(await isThere(join(one.path, "..", "..", "openclaw-agent")), false);
});
