import assert from "node:assert/strict";
import { dirname } from "node:path";
import { withFolder } from "../../_support/server.ts";
import { greets, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  isThere,
  makeAgent,
  type Run,
  run,
  sessionPath,
} from "../../_support/program.ts";

const agent = makeAgent();
const unix = Deno.build.os !== "windows";

/** The lines of the doctor's report that do not say "pass", each with its hint. */
function complaintsOf({ stdout }: Run): string[] {
  return stdout.split(/\n(?=\S)/).map((line) => line.trimEnd()).filter((line) => !line.startsWith("pass"));
}

Deno.test("openclaw doctor against a port where nobody listens fails at tcp, and asks no more", () =>
  withFolder(async (home) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const ended = await run(["doctor"], { home, env: identify(agent, `http://127.0.0.1:${port}`) });
    assert.equal(ended.code, 6, ended.stderr + ended.stdout);
    assert.equal(ended.stderr, "");
    const complaints = complaintsOf(ended);
    assert.match(
      complaints.at(-1) ?? "",
      new RegExp(
        `^FAIL  tcp +port ${port} of 127\\.0\\.0\\.1 cannot be reached: .+\\n +hint: openclaw serve, or `,
      ),
    );
    assert.equal(ended.stdout.match(/^FAIL/gm)?.length, 1, ended.stdout);
    assert.doesNotMatch(ended.stdout, /^\S+ +(tls|service|handshake)/m);
    const { checks } = JSON.parse(
      (await run(["doctor", "--json"], {
        home,
        env: identify(agent, `http://127.0.0.1:${port}`),
      })).stdout,
    );
    assert.deepEqual(checks.map(({ name, ok }: Record<string, unknown>) => [name, ok]), [
      ["credentials", true],
      ["url", true],
      ["proxy", null],
      ["dns", null],
      ["tcp", false],
    ]);
  }));

interface Stored {
  name: string;
  ignore?: boolean;
  text?: (text: string) => string;
  spoil?: (path: string) => Promise<void>;
  says: RegExp;
}

const whole = (text: string): string => text;

const unusable: Stored[] = [
  {
    name: "that others may read",
    ignore: !unix,
    spoil: (path) => Deno.chmod(path, 0o644),
    says: /its mode is 0644.*\n +hint: chmod 600 '.*credentials\.json'$/,
  },
  {
    name: "of another user",
    ignore: !unix || Deno.uid() !== 0,
    spoil: (path) => Deno.chown(path, 12_345, 12_345),
    says: /it belongs to user 12345.*\n +hint: chown 0 '.*credentials\.json'$/,
  },
  {
    name: "with a mistyped secret",
    text: (text) => text.replace("CAwQ", "CAwR"),
    says: /"agent_secret" cannot be right: its checksum does not fit.*\n +hint: openclaw configure$/,
  },
  {
    name: "that is no JSON",
    text: (text) => text.replaceAll('"', ""),
    says: /it is no JSON object.*\n +hint: openclaw configure$/,
  },
  {
    name: "that is cut",
    text: (text) => text.slice(0, -3),
    says: /it is no JSON object.*\n +hint: openclaw configure$/,
  },
];

for (const { name, ignore = false, text = whole, spoil, says } of unusable) {
  for (const given of ["", " and an agent in the flags"]) {
    Deno.test({
      name:
        `openclaw doctor with a credentials file ${name}${given} → refused, with a hint, and no server is asked`,
      ignore,
      fn: () =>
        withFolder(async (home) => {
          const server = startFaultServer(() => greets());
          try {
            const path = credentialsPath(home);
            await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
            const { id: agent_id, secret: agent_secret } = agent;
            const stored = JSON.stringify({ version: 1, url: server.url, agent_id, agent_secret });
            await Deno.writeTextFile(path, text(stored), { mode: 0o600 });
            await spoil?.(path);
            const flags = given === "" ? [] : ["--agent-id", agent.id, "--agent-secret-file", "-"];
            const ended = await run(["doctor", ...flags], { home, stdin: agent.secret });
            assert.equal(ended.code, 3, ended.stderr + ended.stdout);
            const [credentials = "", ...rest] = complaintsOf(ended);
            assert.match(credentials, /^FAIL {2}credentials +Cannot use the credentials file /);
            assert.match(credentials, says);
            assert.deepEqual(rest.map((line) => /^\S+ +\S+/.exec(line)?.[0]), ["FAIL  url"]);
            assert.doesNotMatch(ended.stdout, /^pass|54321/m);
            assert.ok(!(ended.stdout + ended.stderr).includes(agent.secret.slice(10, 40)));
            assert.equal(server.caught.length, 0);
            assert.equal(await isThere(sessionPath(home)), false);
          } finally {
            server.close();
          }
        }),
    });
  }
}

Deno.test("openclaw doctor --url with a credentials file that may not be used still looks at the way there", () =>
  withFolder(async (home) => {
    const server = startFaultServer(() => ({
      status: 200,
      body: '{"ok":true,"version":"1","database":"ok"}',
    }));
    try {
      const path = credentialsPath(home);
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(path, "{}", { mode: 0o600 });
      const ended = await run(["doctor", "--url", server.url], { home });
      assert.equal(ended.code, 3, ended.stdout);
      assert.match(ended.stdout, /^FAIL {2}credentials /m);
      assert.match(ended.stdout, /^pass {2}service /m);
      assert.deepEqual(server.caught.map((one) => one.path.replace(/.*\//, "")).filter((one) => one !== ""), [
        "health",
      ]);
    } finally {
      server.close();
    }
  }));

const proxies: [name: string, value: string, url: string][] = [
  ["HTTPS_PROXY", "::::", "https://fleet.example"],
  // Windows knows one variable, however it is written.
  ...(unix ? [["https_proxy", "http://", "https://fleet.example"] as [string, string, string]] : []),
  ["ALL_PROXY", "::::", "https://fleet.example"],
];

for (const [name, value, url] of proxies) {
  Deno.test(`openclaw doctor with ${name}=${value}, which is no address → usage, and it names the variable`, () =>
    withFolder(async (home) => {
      const ended = await run(["doctor"], { home, env: { ...identify(agent, url), [name]: value } });
      assert.equal(ended.code, 2, ended.stderr + ended.stdout);
      assert.deepEqual(complaintsOf(ended), [
        `FAIL  proxy       Cannot use the proxy of ${name}: it is no address\n` +
        `${" ".repeat(18)}hint: export ${name}=http://proxy.example.com:3128`,
      ]);
      assert.doesNotMatch(ended.stdout, /^\S+ +(dns|tcp|tls|service)/m);
    }));
}
