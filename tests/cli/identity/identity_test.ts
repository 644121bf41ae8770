import assert from "node:assert/strict";
import { join } from "node:path";
import { parseUrl } from "../../../cli/api/url.ts";
import { readIdentity } from "../../../cli/identity/identity.ts";
import { CliError, exitCodes } from "../../../cli/terminal/errors.ts";
import { fillIn, identityCases } from "../../_support/identity_cases.ts";
import { loopbackCases } from "../../_support/loopback_cases.ts";
import { ownEnvironment, run } from "../../_support/program.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

for (const one of identityCases) {
  Deno.test(`which agent is this: ${one.name} → exit code ${one.code}`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "secret");
    if (one.file !== undefined) await Deno.writeTextFile(path, one.file, { mode: 0o600 });
    const { env, args } = fillIn(one, path);
    const variables: Record<string, string | undefined> = { ...ownEnvironment(folder.path), ...env };
    const flags = {
      agentId: valueOf(args, "--agent-id"),
      agentSecretFile: valueOf(args, "--agent-secret-file"),
    };
    const read = readIdentity(flags, { environment: (name) => variables[name] || undefined, warn() {} });
    if (one.code === 0) {
      const { agentId: id, secret } = await read;
      assert.deepEqual({ id, secret }, { id: agentId, secret: agentSecret });
    } else {
      await assert.rejects(
        read,
        (error) => error instanceof CliError && exitCodes[error.failure] === one.code,
      );
    }
  });
}

const both = identityCases.find(({ name }) => name === "a secret and a file as variables");
const commands = [
  ["handshake"],
  ["heartbeat"],
  ["monitor", "--once"],
  ["status"],
  ["doctor"],
  ["configure", "--no-input", "--url", "http://127.0.0.1:9"],
  ["service", "install", "--dry-run", "--url", "http://127.0.0.1:9"],
  ["installer", "bash", "--url", "http://127.0.0.1:9"],
];

for (const command of commands) {
  Deno.test(`openclaw ${command.join(" ")} reads id and secret as all commands do`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "secret");
    await Deno.writeTextFile(path, agentSecret, { mode: 0o600 });
    assert.ok(both !== undefined);
    const { env } = fillIn(both, path);
    const { code, stderr, stdout } = await run(command, { home: folder.path, env });
    assert.equal(code, 2, `${stdout}${stderr}`);
    const told = /both OPENCLAW_AGENT_SECRET_FILE and OPENCLAW_AGENT_SECRET are given/;
    assert.match(`${stdout}${stderr}`, told);
  });
}

for (const { host, isLoopback } of loopbackCases) {
  Deno.test(`http://${host} ${isLoopback ? "is" : "is not"} an address for a secret`, () => {
    const url = `http://${host}:8080`;
    if (isLoopback) assert.equal(parseUrl(url, { insecureHttp: false }), url);
    else assert.throws(() => parseUrl(url, { insecureHttp: false }), { failure: "usage" });
  });
}

function valueOf(args: readonly string[], flag: string): string | undefined {
  const index = args.indexOf(flag);
  return index < 0 ? undefined : args[index + 1];
}
