import assert from "node:assert/strict";
import { hastily, mostSeconds } from "../../../cli/commands/agent/run.ts";
import { LastLine, runJob } from "../../../cli/agent/job.ts";
import { acceptance, down, greeting, live, refusal } from "./_simulation.ts";

const lines: [name: string, parts: string[], text: string | null][] = [
  ["nothing", [], null],
  ["empty lines only", ["\n", " \n\n"], null],
  ["one without an end", ["done"], "done"],
  ["the last that says something", ["one\ntwo\n", "\n \n"], "two"],
  ["one in parts", ["first\nse", "cond", " half\n"], "second half"],
  ["one that a bar of progress overwrites", ["10 %\r90 %\r100 %\n"], "100 %"],
  ["one with escapes", ["\u001b[31mred\n"], "?[31mred"],
];
for (const [name, parts, text] of lines) {
  Deno.test(`the last line of a job: ${name}`, () => {
    const line = new LastLine();
    for (const part of parts) line.add(part);
    assert.equal(line.text, text);
  });
}

Deno.test("a line without an end takes no memory", () => {
  const line = new LastLine();
  for (let part = 0; part < 1000; part++) line.add("x".repeat(10_000));
  assert.equal(line.text?.length, 500);
});

interface Heard {
  stdout: WritableStream<Uint8Array>;
  stderr: WritableStream<Uint8Array>;
  text: { stdout: string; stderr: string };
}

function listening(): Heard {
  const text = { stdout: "", stderr: "" };
  const into = (name: keyof typeof text) =>
    new WritableStream<Uint8Array>({
      write: (bytes) => void (text[name] += new TextDecoder().decode(bytes)),
    });
  return { stdout: into("stdout"), stderr: into("stderr"), text };
}

const jobs: [script: string, code: number, lastWords: string | null][] = [
  ["echo out; echo err >&2; exit 3", 3, null],
  ["exit 0", 0, null],
  ["echo 'all done'", 0, "all done"],
  ["kill -9 $$", 137, null],
  ["sleep 3600 & echo left it running", 0, "left it running"],
];
for (const [script, code, lastWords] of jobs) {
  Deno.test({
    name: `a job "${script}" ends with ${code}`,
    ignore: Deno.build.os === "windows",
    // What a job leaves running is not this test's.
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const heard = listening();
      const ended = await runJob(["/bin/sh", "-c", script.replace("3600", "1")], heard);
      assert.equal(ended.code, code);
      if (lastWords !== null) assert.equal(ended.lastWords, lastWords);
      if (code === 3) assert.deepEqual(heard.text, { stdout: "out\n", stderr: "err\n" });
    },
  });
}

Deno.test("a job that is not there ends with 127, and says so", async () => {
  assert.deepEqual(await runJob(["/nowhere/job"], listening()), {
    code: 127,
    lastWords: 'Cannot run "/nowhere/job": there is no such program',
  });
});

Deno.test("the beat of a job's end is tried several times, for at most 30 s, and never said goodbye to", async () => {
  for (let life = 0; life < 50; life++) {
    const { seen, end } = await live({
      hours: 1,
      within: mostSeconds,
      random: hastily,
      handshake: () => down,
    });
    assert.ok(seen.length >= 3, `${seen.length} tries`);
    assert.ok((seen.at(-1)?.at ?? 31) <= 30);
    assert.deepEqual(end, { type: "outage", reason: "nobody answers" });
  }
});

Deno.test("the beat of a job's end is accepted once the server answers, and is sent once", async () => {
  let tries = 0;
  const { seen, end } = await live({
    hours: 1,
    within: mostSeconds,
    random: hastily,
    handshake: () => tries++ === 0 ? down : greeting(),
    beat: () => acceptance(),
  });
  assert.equal(end.type, "accepted");
  assert.deepEqual(seen.map(({ act }) => act), ["handshake", "handshake", "beat"]);
});

Deno.test("the beat of a job's end is not tried again where the server refuses the agent", async () => {
  const { seen, end } = await live({
    hours: 1,
    within: mostSeconds,
    random: hastily,
    handshake: () => refusal("invalid_credentials"),
  });
  assert.deepEqual([seen.length, end.type], [1, "refused"]);
});
