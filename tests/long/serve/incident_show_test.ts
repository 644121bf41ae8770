import assert from "node:assert/strict";
import { type Message, type Part, showIncidents } from "../../_support/incident_show.ts";
import { runInSession } from "../../_support/program_session.ts";
import { temporaryFolder } from "../../_support/server.ts";

const receivers = ["ntfy", "slack", "webhook"];

Deno.test(
  "of 1,000 agents: a site that is cut is one message and one end, and our own stop and a deployment are none",
  async () => {
    await using folder = await temporaryFolder();
    let shown = "";
    const { parts, gaps } = await showIncidents(`${folder.path}/data`, {
      tell: () => undefined,
      async look(server) {
        const env = { OPENCLAW_URL: server.url, OPENCLAW_OPERATOR_KEY: server.operatorKey };
        const { code, stdout, stderr } = await runInSession(["incidents", "--state", "all"], {
          home: folder.path,
          env,
        });
        assert.equal(code, 0, stderr);
        shown = stdout;
      },
    });
    const [well, cut, back, stalled, moves, stopped, deployed] = parts;
    assert.deepEqual(toldIn(well), []);
    assert.deepEqual(toldIn(cut), receivers.map((name) => [name, "opened"]));
    for (const { receiver, text } of messagesIn(cut)) {
      assert.match(
        text,
        receiver === "webhook" ? /offline, 40 agents/ : /40 agents are offline \(site=Linz\)/,
      );
    }
    assert.deepEqual(toldIn(back), receivers.map((name) => [name, "closed"]));
    assert.deepEqual(toldIn(stalled), receivers.map((name) => [name, "opened"]));
    assert.deepEqual(toldIn(moves), receivers.map((name) => [name, "closed"]));
    assert.deepEqual(toldIn(stopped), [], "it told of its own stop");
    assert.equal(gaps, 1, "its own stop is not on record");
    assert.deepEqual(toldIn(deployed), [], "it told of a deployment");
    assert.deepEqual(deployed?.incidents, [
      { kind: "offline", agents_count: 40, open: false },
      { kind: "stalled", agents_count: 3, open: false },
    ]);
    assert.match(shown, /stalled +3 agents .* closed +6 of 6/);
    assert.match(shown, /offline +40 agents .* closed +6 of 6 +site:Linz/);
  },
);

function messagesIn(part: Part | undefined): Message[] {
  return part?.messages ?? assert.fail("there is no such part");
}

function toldIn(part: Part | undefined): string[][] {
  return messagesIn(part).map(({ receiver, type }) => [receiver, type]).sort();
}
