import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { assertError, type CreatedAgent, FleetClient, type Reply, send, text } from "../_support/client.ts";
import { readKey } from "../_support/forge.ts";
import { cloneAndAdopt } from "../_support/operator_story.ts";
import { findPostgres, startPostgres, type TestPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { type ServerProcess, startServerProcess, withFolderInMemory } from "../_support/server.ts";

const realPostgres = await part("Postgres 15 or later", findPostgres);
const verbose = { DEBUG: "*", NODE_DEBUG: "*", LOG_LEVEL: "trace" };
const privateFiles = ["operator-key", "reader-key", "jwt-keys.json"];

Deno.test("no secret, token or key is anywhere but in the 0600 files, over PGlite", async () => {
  await scan({});
});

realPostgres.test("no secret, token or key is anywhere but in the 0600 files, nor in the log of a Postgres that logs all", async (bin) => {
  const database = await startPostgres(bin, [
    "log_statement=all",
    "log_min_messages=debug1",
    "log_min_error_statement=debug5",
  ]);
  try {
    await scan({ DATABASE_URL: await database.createDatabase() }, database);
  } finally {
    await database.remove();
  }
});

async function scan(env: Record<string, string>, database?: TestPostgres): Promise<void> {
  await withFolderInMemory(async (data) => {
    const server = await startServerProcess({ data, env: { ...env, ...verbose } });
    const needles = await wholeStory(server);
    const places = await placesOf(server);
    assert.equal(await server.stop(), 0);
    places.set("stdout", server.output.stdout).set("stderr", server.output.stderr);
    if (database !== undefined) places.set("the log of Postgres", await database.log());
    for await (const path of files(data)) places.set(relative(data, path), await readAll(path));
    for (const file of privateFiles) {
      assert.equal(((await Deno.stat(join(data, file))).mode ?? 0) & 0o777, 0o600);
      assert.ok(places.delete(file), `${file} was not looked at`);
    }
    // Something that must be found, lest the search find nothing for another reason.
    assert.ok(
      [...places.values()].some((text) => text.includes(needles.digest)),
      "not even the digest was found",
    );
    for (const [what, needle] of Object.entries(needles.secret)) {
      for (const [place, text] of places) assert.ok(!text.includes(needle), `${what} is in ${place}`);
    }
  });
}

/** Everything that a fleet does, refusals and failures included, and what of it must stay secret. */
async function wholeStory(
  server: ServerProcess,
): Promise<{ digest: string; secret: Record<string, string> }> {
  const client = new FleetClient(server.base, server.operatorKey);
  const agent = await client.createAgent();
  const token = await client.session(agent);
  await client.beat(token, { message: "fine" });
  await client.beat(`${token}x`);
  await client.handshake({ ...agent, secret: `${agent.secret}x` });
  await client.handshake({ ...agent, id: "00000000-0000-4000-8000-000000000000" });
  const operators = ["create-agent", `agents/${agent.id}/rotate-secret`];
  for (const path of ["handshake", "heartbeat", "rotate-secret", ...operators]) {
    const body = `{"agent_secret": "${agent.secret}", "token": "${token}", "key": "${server.operatorKey}`;
    await send(`${server.base}/${path}`, {
      body,
      headers: { ...client.operator, authorization: `Bearer ${token}` },
    });
    await send(`${server.base}/${path}/${agent.id}`, { body, headers: client.operator });
  }
  const read = { apikey: (await Deno.readTextFile(join(server.data, "reader-key"))).trim() };
  const { body: made } = await send(`${client.base}/reader-keys`, {
    headers: client.operator,
    body: { name: "a" },
  });
  const readerKey = text(made.key);
  const { body: enrollment } = await send(`${client.base}/enrollments`, {
    headers: client.operator,
    body: {},
  });
  const code = text(enrollment.code);
  const host = code.slice(4, 47).split("").reverse().join("");
  const enrolling = { code, enrollment_id: host };
  const { body: enrolled } = await send(`${client.base}/enroll`, { body: enrolling });
  const enrolledSecret = text(enrolled.agent_secret);
  for (
    const headers of [read, { authorization: `Bearer ${readerKey}` }, { apikey: `${readerKey}x` }, {
      apikey: code,
    }]
  ) {
    await send(`${client.base}/agents/${agent.id}`, { headers });
    await send(`${client.base}/create-agent`, { headers, body: enrolling });
  }
  for (const body of [enrolling, { ...enrolling, code: `${code}x` }, { ...enrolling, enrollment_id: code }]) {
    await send(`${client.base}/enroll`, { body });
    await send(`${client.base}/enroll/progress`, {
      body: { ...body, step: "a", failed: true, detail: "why" },
    });
  }
  const rotated = await rotate(client);
  const copy = await cloneAndAdopt(client, await client.createAgent());
  await client.revoke(agent.id);
  await client.handshake(agent);
  await client.beat(token);
  const { d } = await readKey(server.data);
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(agent.secret)),
  );
  return {
    digest: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    secret: {
      "the agent's secret": agent.secret.slice(4, 40),
      "the operator's key": server.operatorKey.slice(10),
      "the data folder's reader key": read.apikey.slice(4, 40),
      "a reader's key": readerKey.slice(4, 40),
      "an enrollment code": code.slice(4, 40),
      "the number that a host drew": host,
      "the secret of an agent that a code made": enrolledSecret.slice(4, 40),
      "the secret of a copy that was adopted": copy.secret.slice(4, 40),
      ...rotated,
      "the session token": token.slice(token.lastIndexOf(".") + 1),
      "the private key": d,
    },
  };
}

/** Both ways to a new secret, refusals included, and all that they gave. */
async function rotate(client: FleetClient): Promise<Record<string, string>> {
  const agent = await client.createAgent();
  const ask = ({ id, secret }: CreatedAgent): Promise<Reply> =>
    send(`${client.base}/rotate-secret`, { body: { agent_id: id, agent_secret: secret } });
  const { body } = await client.operate(`agents/${agent.id}/rotate-secret`, {
    method: "POST",
    body: { installer: "bash" },
  });
  const byOperator = { ...agent, secret: text(body.agent_secret) };
  const unused = text((await ask(byOperator)).body.agent_secret);
  const byItself = { ...agent, secret: text((await ask(byOperator)).body.agent_secret) };
  for (const secret of [agent.secret, unused]) {
    assertError(await ask({ ...agent, secret }), "invalid_credentials", 401);
    assertError(await ask({ ...agent, secret: `${secret}x` }), "invalid_request", 400);
  }
  const token = await client.session(byItself);
  assertError(await ask(byOperator), "invalid_credentials", 401);
  return {
    "a secret that an operator rotated": agent.secret.slice(4, 40),
    "a secret that an operator's rotation gave": byOperator.secret.slice(4, 40),
    "a secret that an agent asked for and did not use": unused.slice(4, 40),
    "a secret that an agent asked for": byItself.secret.slice(4, 40),
    "the session token of a rotated secret": token.slice(token.lastIndexOf(".") + 1),
  };
}

async function placesOf({ pid }: ServerProcess): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  if (Deno.build.os !== "linux") return places;
  for (const file of ["cmdline", "environ"]) {
    places.set(file, await Deno.readTextFile(`/proc/${pid}/${file}`));
  }
  return places;
}

async function* files(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* files(path);
    else yield path;
  }
}

/** A file's bytes as characters, unpacked where they are packed. */
async function readAll(path: string): Promise<string> {
  const bytes = await Deno.readFile(path);
  const isPacked = path.endsWith(".gz");
  const stream = new Blob([bytes]).stream();
  const plain = isPacked ? stream.pipeThrough(new DecompressionStream("gzip")) : stream;
  return new TextDecoder("latin1").decode(await new Response(plain).arrayBuffer());
}
