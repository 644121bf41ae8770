import assert from "node:assert/strict";
import { join } from "node:path";
import { type FakeService, startFakeService } from "../../../_support/fake_service.ts";
import { isThere } from "../../../_support/program.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { showTerminal, terminal, type Typed } from "../../../_support/terminal.ts";
import { testWith } from "../../../_support/tools.ts";

/** What a terminal acts on, but for what paints and moves: of the service, nothing of that may be left. */
const hostile = "\u001b]0;owned\u0007";
const down = "\u001b[B";

async function typed(
  service: FakeService,
  args: string[],
  { answers, noColour = "1" }: { answers: Typed[]; noColour?: string },
): Promise<{ code: number; shown: string }> {
  await using home = await temporaryFolder();
  const { program, args: all } = openclaw(["agents", ...args]);
  return await showTerminal([program, ...all], { answers, home: home.path, noColour, env: service.env });
}

testWith(
  terminal,
  "a name of two agents on a terminal is a choice, and the act is done to the chosen one",
  async () => {
    await using service = startFakeService();
    service.add("twin", { hostname: `a${hostile}` });
    const second = service.add("twin", { hostname: "b" });
    const { code, shown } = await typed(service, ["revoke", "twin"], { answers: [['Which "twin"', down]] });
    assert.equal(code, 0, shown);
    assert.deepEqual(service.acts(), [`POST agents/${second.id}/revoke`]);
    assert.ok(!shown.includes(hostile), shown);
  },
);

for (const [name, key] of [["Ctrl-C", "\u0003"], ["Ctrl-D", "\u0004"]] as const) {
  testWith(terminal, `a choice that is left by ${name} → usage, and nothing is done`, async () => {
    await using service = startFakeService();
    service.add("twin");
    service.add("twin");
    const { code, shown } = await typed(service, ["revoke", "twin"], { answers: [['Which "twin"', key]] });
    assert.equal(code, 2, shown);
    assert.match(shown, /none was chosen/);
    assert.deepEqual(service.acts(), []);
  });
}

const answers: [what: string, key: string, code: number, acts: number][] = [
  ["y", "y", 0, 1],
  ["n", "n", 2, 0],
  ["Enter alone", "", 2, 0],
  ["Ctrl-C", "\u0003", 2, 0],
];
for (const [what, key, expected, acts] of answers) {
  testWith(
    terminal,
    `openclaw agents delete on a terminal asks first: ${what} → ${
      acts === 1 ? "it is gone" : "nothing is done"
    }`,
    async () => {
      await using service = startFakeService();
      service.add(`web${hostile}`);
      const [id = ""] = service.agents.keys();
      const { code, shown } = await typed(service, ["delete", id], {
        answers: [['Delete "web?]0;owned?"', key]],
      });
      // The name is not as it was sent, so the service would refuse it: what counts here is what was asked of it.
      assert.equal(service.acts().length, acts, shown);
      if (acts === 0) assert.equal(code, expected, shown);
      assert.ok(!shown.includes(hostile), shown);
    },
  );
}

testWith(
  terminal,
  "acting on many on a terminal asks with their number, and shows how far it came",
  async () => {
    await using service = startFakeService();
    for (let number = 0; number < 12; number++) service.add(`web-${number}`);
    const { code, shown } = await typed(service, ["revoke", "--all"], {
      answers: [["Revoke 12 agents?", "y"]],
    });
    assert.equal(code, 0, shown);
    assert.equal(service.acts().length, 12);
    assert.ok(shown.includes("\r\u001b[Krevoked 12 of 12"), shown);
    assert.ok(shown.endsWith("\r\u001b[Krevoked 12 agents\r\n"), shown);
  },
);

testWith(
  terminal,
  "openclaw agents create on a terminal without a name → usage, and does not wait",
  async () => {
    await using service = startFakeService();
    const { code, shown } = await typed(service, ["create"], { answers: [] });
    assert.equal(code, 2, shown);
    assert.match(shown, /it has no name, and stdin is a terminal/);
  },
);

testWith(
  terminal,
  "openclaw agents events fits a terminal of 80 columns, whatever the names are",
  async () => {
    await using service = startFakeService();
    const events = Array.from({ length: 3 }, (_, id) => ({
      id,
      agent_id: null,
      agent_name: `🦞${"עברית".repeat(9)}${hostile}\u202e`,
      kind: "secret_rotated",
      at: "2026-11-23T12:00:00Z",
      actor: "user:0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11",
      address: "2001:db8:0:1:2:3:4:5",
      detail: { note: hostile },
    }));
    service.intercept = ({ path }) =>
      path === "events"
        ? Response.json({ events, next_cursor: null, server_time: "2026-11-23T12:00:00Z" })
        : undefined;
    const { code, shown } = await typed(service, ["events"], { answers: [] });
    assert.equal(code, 0, shown);
    const lines = shown.trimEnd().split("\r\n");
    assert.equal(lines.length, 4, shown);
    for (const line of lines) assert.ok([...line].length <= 80, `${[...line].length}: ${line}`);
    // deno-lint-ignore no-control-regex -- what a terminal would act on is looked for
    assert.doesNotMatch(shown.replaceAll("\r\n", ""), /[\u0000-\u001f\u202e]/);
  },
);

testWith(
  terminal,
  "openclaw agents rotate --leaked that is refused at the question leaves no folder behind",
  async () => {
    await using service = startFakeService();
    service.add("web-1");
    await using home = await temporaryFolder();
    const { program, args } = openclaw(["agents", "rotate", "web-1", "--leaked", "--output", "made"]);
    const answers: Typed[] = [["all sessions at once?", "n"]];
    const { code, shown } = await showTerminal([program, ...args], {
      answers,
      home: home.path,
      env: service.env,
    });
    assert.equal(code, 2, shown);
    assert.equal(await isThere(join(home.path, "made")), false);
    assert.deepEqual(service.acts(), []);
  },
);

testWith(
  terminal,
  "a channel without --kind asks for it; a question that is left changes nothing, and says so",
  async () => {
    await using service = startFakeService();
    await using home = await temporaryFolder();
    const { program, args } = openclaw(["channels", "add", "ops"]);
    const { code, shown } = await showTerminal([program, ...args], {
      answers: [["The service that it reaches", `${down}${down}`], ["discord url", "\u0003"]],
      home: home.path,
      noColour: "1",
      env: service.env,
    });
    assert.equal(code, 2, shown);
    assert.match(shown, /Cannot set up the channel: the question for the url of discord was left/);
    assert.deepEqual(service.acts(), []);
  },
);
