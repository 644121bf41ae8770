import assert from "node:assert/strict";
import { dirname } from "node:path";
import { type CreatedAgent, record } from "../../_support/client.ts";
import { assertEnded } from "../../_support/installers.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";
import { credentialsText, type Scenario, type Scene, untouched } from "../_scene.ts";

/** What all installers are held to: which agent this host is. */
export const identity: Scenario[] = [
  {
    name: "of two identities that a rotation left, the one that the server takes is used",
    work: betweenSecrets,
  },
  {
    name: "other credentials than the installed ones are refused, and no file changes",
    work: otherCredentials,
  },
  { name: "a wrong secret is refused with 3, and nothing is touched", work: wrongSecret },
  { name: "a mistyped secret is refused without asking the server", work: mistypedSecret },
  { name: "a revoked agent is refused with 3, and nothing is touched", work: revoked },
  { name: "somebody else's credentials file stays where it is", work: foreignCredentials },
];

/** A program that was killed leaves two identities; the server takes the newer one, or the older one. */
async function betweenSecrets({ host, fleet, url }: Scene): Promise<void> {
  const first = await fleet.createAgent();
  assertEnded(await host.install(first, url), 0);
  const rotated = await fleet.createAgent();
  const stranger = { id: agentId, secret: agentSecret };
  const two = (older: CreatedAgent, newer: CreatedAgent): Promise<void> => {
    const next = { next_agent_id: newer.id, next_agent_secret: newer.secret };
    return Deno.writeTextFile(
      host.credentials,
      JSON.stringify({ ...record(JSON.parse(credentialsText(older, url))), ...next }, null, 2),
    );
  };
  await two(stranger, stranger);
  await untouched(host, () => host.run([]), 3, /unknown or revoked, or its secret is wrong/);
  await two(stranger, rotated);
  // By the identity that a file or an option has, too.
  await untouched(host, () => host.install(stranger, url, { args: ["--dry-run"] }), 0, /installed already/);
  assertEnded(await host.run([]), 0, new RegExp(`shook hands with .* \\(${rotated.id}\\)`));
  assert.equal(await Deno.readTextFile(host.credentials), credentialsText(rotated, url));
  assert.equal((await fleet.agent(rotated.id)).liveness, "online");
}

async function otherCredentials({ host, fleet, url }: Scene): Promise<void> {
  const first = await fleet.createAgent();
  assertEnded(await host.install(first, url), 0);
  const second = await fleet.createAgent();
  await untouched(host, () => host.install(second, url), 5, new RegExp(`for the agent ${first.id}`));
  assert.equal((await fleet.agent(second.id)).last_handshake_at, null);
}

async function wrongSecret({ host, fleet, url }: Scene): Promise<void> {
  const { id } = await fleet.createAgent();
  const { secret } = await fleet.createAgent();
  await untouched(
    host,
    () => host.install({ id, secret }, url),
    3,
    /unknown or revoked, or its secret is wrong/,
  );
}

async function mistypedSecret({ host, fleet, url, some }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const other = secret.endsWith("A") ? "B" : "A";
  const faults: [string, RegExp][] = [
    [secret.slice(0, -1), /has 53 characters/],
    [secret.slice(0, -1) + other, /checksum does not fit/],
    [`xcs_${secret.slice(4)}`, /not of the form/],
    [`${secret.slice(0, 20)}$${secret.slice(21)}`, /not of the form/],
  ];
  for (const [fault, message] of some(faults)) {
    const run = await untouched(host, () => host.install({ id, secret: fault }, url), 2, message);
    assert.ok(!`${run.stdout}${run.stderr}`.includes(fault.slice(8, 40)), "the secret is shown");
  }
}

async function revoked({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  await fleet.revoke(agent.id);
  await untouched(host, () => host.install(agent, url), 3, /unknown or revoked/);
}

async function foreignCredentials({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.credentials), { recursive: true });
  await Deno.writeTextFile(host.credentials, '{"somebody": "else"}');
  const agent = await fleet.createAgent();
  await untouched(host, () => host.install(agent, url), 5, /holds no credentials/);
}
