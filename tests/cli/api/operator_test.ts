import assert from "node:assert/strict";
import {
  actOnAgent,
  actOnCopy,
  createAgent,
  deleteAgent,
  getAgent,
  listAgents,
  patchAgent,
  rotateSecret,
} from "../../../cli/api/operator/agents.ts";
import type { OperatorConnection } from "../../../cli/api/operator/ask.ts";
import { createEnrollment, getEnrollment, revokeEnrollment } from "../../../cli/api/operator/enrollments.ts";
import { listEvents } from "../../../cli/api/operator/events.ts";
import { revokeReaderKey } from "../../../cli/api/operator/reader_keys.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { emptyPage, fakeAgent, serverTime } from "../../_support/fake_fleet.ts";
import {
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import { fakeEnrollment } from "../../_support/fake_service.ts";
import { agentId as id } from "../../_support/vectors.ts";

function operatorAt({ url }: FaultServer, more: Partial<OperatorConnection> = {}): OperatorConnection {
  return { url, authorize: () => Promise.resolve({ apikey: "sb_secret_x" }), ...more };
}

const calls: [
  call: (operator: OperatorConnection) => Promise<{ kind: string }>,
  reply: Fault,
  request: string,
  body: unknown,
][] = [
  [(operator) => getAgent(operator, id), ours(fakeAgent(1)), `GET agents/${id}`, null],
  [
    (operator) => patchAgent(operator, id, { muted_until: null, name: "b" }),
    ours(fakeAgent(1)),
    `PATCH agents/${id}`,
    { muted_until: null, name: "b" },
  ],
  [
    (operator) => actOnAgent(operator, id, "end-sessions"),
    ours(fakeAgent(1)),
    `POST agents/${id}/end-sessions`,
    {},
  ],
  [
    (operator) => actOnCopy(operator, id, { act: "revoke-copy", instanceId: "i" }),
    ours(fakeAgent(1)),
    `POST agents/${id}/revoke-copy`,
    { instance_id: "i" },
  ],
  [
    (operator) => deleteAgent(operator, id, "a b&name=c"),
    ours(fakeAgent(1)),
    `DELETE agents/${id}?name=a+b%26name%3Dc`,
    null,
  ],
  [
    (operator) => rotateSecret(operator, id, { overlap_seconds: 0 }),
    ours({ agent: fakeAgent(1), agent_secret: "ocs_x" }),
    `POST agents/${id}/rotate-secret`,
    { overlap_seconds: 0 },
  ],
  [
    (operator) => createAgent(operator, { name: "web" }),
    ours({ agent: fakeAgent(1), agent_secret: "ocs_x" }, 201),
    "POST create-agent",
    { name: "web" },
  ],
  [
    (operator) => listEvents(operator, { agentId: id, kind: "revoked", limit: 2 }),
    ours({
      events: [{
        id: 7,
        agent_id: id,
        agent_name: "web",
        kind: "revoked",
        at: serverTime,
        actor: "key:default",
        address: null,
        detail: null,
      }],
      next_cursor: null,
      server_time: serverTime,
    }),
    `GET agents/${id}/events?limit=2&kind=revoked`,
    null,
  ],
  [
    (operator) => createEnrollment(operator, { uses: 2 }),
    ours({ enrollment: fakeEnrollment({ uses: 2 }), code: "oce_x" }, 201),
    "POST enrollments",
    { uses: 2 },
  ],
  [
    (operator) => getEnrollment(operator, "../agents"),
    ours({ enrollment: fakeEnrollment({ uses: 2 }), hosts: [] }),
    "GET enrollments/..%2Fagents",
    null,
  ],
  [(operator) => revokeEnrollment(operator, id), ours({}), `POST enrollments/${id}/revoke`, {}],
  [(operator) => revokeReaderKey(operator, id), { status: 204, body: "" }, `DELETE reader-keys/${id}`, null],
];
for (const [call, reply, request, body] of calls) {
  Deno.test(`an operator's call is ${request}, with its credential in a header only`, async () => {
    using server = startFaultServer(() => reply);
    assert.equal((await call(operatorAt(server))).kind, "ok");
    const [caught] = server.caught;
    assert.equal(`${caught?.method} ${caught?.path.replace("/functions/v1/", "")}`, request);
    assert.deepEqual(caught?.body === "" ? null : JSON.parse(caught?.body ?? ""), body);
    assert.match(caught?.headers ?? "", /^apikey: sb_secret_x\r?$/m);
  });
}

Deno.test("what an agent is called is printable in a reply, and an installer is as it was sent", async () => {
  const content = "#!/bin/sh\n\u001b\techo\n";
  const agent = fakeAgent(1, { name: "a\u202eb", labels: { "k\u001b": "v\n" }, message: "one\ntwo\u0007" });
  using server = startFaultServer(() =>
    ours({ agent, agent_secret: "ocs_x", installer: { filename: "i\n.sh", content } })
  );
  const outcome = await createAgent(operatorAt(server), { name: "web", installer: "bash" });
  assert.ok(outcome.kind === "ok");
  const { name, labels, message } = outcome.value.agent;
  assert.deepEqual({ name, labels, message }, { name: "a?b", labels: { "k?": "v?" }, message: "one\ntwo?" });
  assert.deepEqual(outcome.value.installer, { filename: "i?.sh", content });
});

Deno.test("a page of 1 MiB is read, and a reply without end is not", async () => {
  const big = Array.from({ length: 900 }, (_, index) => fakeAgent(index, { message: "m".repeat(500) }));
  const page = { ...emptyPage, agents: big };
  assert.ok(JSON.stringify(page).length > 1024 * 1024);
  using server = startFaultServer((_, index) =>
    index === 0 ? ours(page) : ours({ ...page, more: "x".repeat(5e6) })
  );
  const operator = operatorAt(server);
  assert.equal((await listAgents(operator, {})).kind, "ok");
  assert.equal((await listAgents(operator, {})).kind, "outage");
});

Deno.test("a credential that can be renewed is renewed once for a refusal, another is sent once", async () => {
  using server = startFaultServer(() => refuses("operator_required"));
  let renewed = 0;
  const renew = (): Promise<void> => {
    renewed += 1;
    return Promise.resolve();
  };
  assert.equal((await listAgents(operatorAt(server, { renew }), {})).kind, "refused");
  assert.deepEqual([renewed, server.caught.length], [1, 2]);
  assert.equal((await listAgents(operatorAt(server), {})).kind, "refused");
  assert.equal(server.caught.length, 3);
});

Deno.test("a sign-in server that is down is an outage, one that refuses is an error", async () => {
  using server = startFaultServer(() => ours({}));
  const failing = (failure: "unreachable" | "refused"): OperatorConnection =>
    operatorAt(server, { authorize: () => Promise.reject(new CliError(failure, "no")) });
  assert.equal((await listAgents(failing("unreachable"), {})).kind, "outage");
  await assert.rejects(listAgents(failing("refused"), {}), { failure: "refused" });
  assert.equal(server.caught.length, 0);
});
