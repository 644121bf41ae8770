import assert from "node:assert/strict";
import { join } from "node:path";
import { parseCredentials } from "../../cli/identity/credentials.ts";
import { type CreatedAgent, FleetClient, record, text } from "../_support/client.ts";
import { assertEnded, bash, Host, type Language, powershell, python, sh } from "../_support/installers.ts";
import { cloneAndAdopt } from "../_support/operator_story.ts";
import { pwsh } from "../_support/powershell.ts";
import { run } from "../_support/program.ts";
import { startServerProcess, temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const languages: Language[] = [sh, python, pwsh === null ? bash : powershell];
const tools = new Set(languages.flatMap((language) => language.tools));

testWith(
  [...tools],
  "three hosts enroll by their installers, and an operator sees them and acts on each",
  async () => {
    await using folder = await temporaryFolder();
    // The server's folder is where the program looks for it: its key is the operator's.
    await using server = await startServerProcess({ data: join(folder.path, "openclaw-data") });
    const client = new FleetClient(server.base, server.operatorKey);
    const openclaw = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(args, { home: folder.path });
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };

    // None is late before the last one is there, however long that takes.
    const given = ["--uses", "3", "--interval", "1h", "--json"];
    const { code } = JSON.parse(await openclaw("enrollments", "create", ...given));
    const env = { OPENCLAW_URL: server.url, OPENCLAW_ENROLLMENT_CODE: text(code) };
    const enrolled = await Promise.all(languages.map(async (language, index): Promise<CreatedAgent> => {
      const place = join(folder.path, String(index));
      await Deno.mkdir(join(place, "home"), { recursive: true });
      const host = new Host(language, place);
      assertEnded(await host.run([], { env }), 0, /^enrolled at /m);
      const read = parseCredentials(await Deno.readTextFile(host.credentials));
      assert.ok(!("fault" in read));
      return { id: read.agentId, secret: read.secret };
    }));
    const [first, second, third] = enrolled;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.equal((await openclaw("fleet")).match(/^\S* ?online /gm)?.length, 3);

    const rotated = JSON.parse(await openclaw("agents", "rotate", first.id, "--leaked", "--yes", "--json"));
    assert.equal((await client.handshake(first)).status, 401);
    assert.equal((await client.handshake({ ...first, secret: text(rotated.agent_secret) })).status, 200);

    await openclaw("agents", "revoke", second.id);
    assert.equal((await client.handshake(second)).status, 401);
    await openclaw("agents", "restore", second.id);
    assert.equal((await client.handshake(second)).status, 200);

    const copy = await cloneAndAdopt(client, third, async () => {
      await openclaw("agents", "adopt", third.id, "--yes");
    });

    await openclaw("agents", "delete", second.id, "--yes");
    assert.equal((await client.handshake(second)).status, 401);

    const { events } = JSON.parse(await openclaw("agents", "events", "--limit", "200", "--json"));
    assert.ok(Array.isArray(events));
    const told = events.map(record).reverse();
    const came = told.filter(({ kind }) => kind === "enrolled").map(({ agent_id }) => text(agent_id));
    assert.deepEqual(came.sort(), enrolled.map(({ id }) => id).sort());
    const acts = told.filter(({ actor }) => text(actor).startsWith("key:"));
    assert.deepEqual(acts.map(({ kind, agent_id }) => [kind, agent_id]), [
      ["enrollment_created", null],
      ["secret_rotated", first.id],
      ["revoked", second.id],
      ["restored", second.id],
      ["adopted", third.id],
      ["created", copy.id],
      ["deleted", second.id],
    ]);
  },
);
