import assert from "node:assert/strict";
import { join } from "node:path";
import { judgeStatus } from "../../../../cli/agent/observe/commands.ts";
import type { Part } from "../../../../cli/agent/observe/commands.ts";
import { watchProgressFile } from "../../../../cli/agent/observe/progress_file.ts";
import { openRulesDatabase, type RulesDatabase } from "../../../_support/rules_database.ts";
import { temporaryFolder } from "../../../_support/server.ts";

// What the monitor sees of work goes to the rules themselves: a look each minute, with a deadline of ten of them.

interface Scene {
  folder: string;
  file: string;
}

interface Story {
  /** How the monitor looks; by default at the scene's file. */
  look?: (scene: Scene) => () => Promise<Part>;
  before?: (scene: Scene, minute: number) => Promise<unknown> | unknown;
  /** At which minute the monitor is started anew. */
  restartsAt?: number;
}

const minutes = 25;
const write = (file: string, text: string): Promise<void> => Deno.writeTextFile(file, text);
const time = (second: number): Date => new Date(Date.UTC(2026, 10, 23, 12, 0, second));
/** A command that prints this JSON. */
const says = (print: (minute: number) => unknown) => () => {
  let minute = 0;
  return () => Promise.resolve(judgeStatus(0, JSON.stringify({ work: print(minute++) })));
};
const first = (minute: number, work: () => unknown): unknown => minute === 0 ? work() : undefined;

const zombies: Record<string, Story> = {
  "a loop that does not end": {},
  "a pipe that is full: the process lives, and what it would write next is not there": {
    before: ({ folder }, minute) => write(join(folder, "heartbeat.pid"), `${minute}`),
  },
  "waiting for a lock": { before: ({ folder }, minute) => write(join(folder, "lock"), `waits ${minute}`) },
  "a child that died, and took its file with it": {
    before: ({ file }, minute) => minute === 1 ? Deno.remove(file) : undefined,
  },
  "a probe that hangs": {
    look: ({ file }) => watchProgressFile(file, { read: () => new Promise(() => {}), seconds: 0 }),
  },
  "a file on a mount that died": {
    look: ({ file }) => {
      let looks = 0;
      const read = () => looks++ === 0 ? Promise.resolve(7) : new Promise<number>(() => {});
      return watchProgressFile(file, { read, seconds: 0 });
    },
  },
  "a mount that answers with errors": {
    look: ({ file }) =>
      watchProgressFile(file, { read: () => Promise.reject(new Error("Stale file handle")) }),
  },
  "a file that is read, and not written": { before: ({ file }) => Deno.readTextFile(file) },
  "a file that was never there": { before: ({ file }, minute) => first(minute, () => Deno.remove(file)) },
  "a log that was rotated away, and never begun again": {
    before: ({ file }, minute) => minute === 1 ? Deno.rename(file, `${file}.1`) : undefined,
  },
  "a folder in which nothing happens": { look: ({ folder }) => watchProgressFile(folder) },
  "another log than the one that is watched": {
    before: ({ folder }, minute) => write(join(folder, "other.log"), `${minute}`),
  },
  "a file that is written over with what it was, at the time it had": {
    before: async ({ file }) => {
      await write(file, "1");
      await Deno.utime(file, time(0), time(0));
    },
  },
  "a number that does not change": { look: says(() => ({ progress: 12 })) },
  "busy without a number": { look: says(() => ({})) },
  "a command whose work cannot be read any more": {
    look: says((minute) => minute === 0 ? { progress: 1 } : { progress: "NaN" }),
  },
};

const busy: Record<string, Story> = {
  "a long step with small progress": { before: ({ file }, minute) => write(file, "x".repeat(minute)) },
  "a file that is only touched": {
    before: ({ file }, minute) => Deno.utime(file, time(minute), time(minute)),
  },
  "content that changes while time and size do not": {
    before: async ({ file }, minute) => {
      await write(file, String(minute % 10));
      await Deno.utime(file, time(0), time(0));
    },
  },
  "a clock that was set back": {
    before: ({ file }, minute) => Deno.utime(file, time(-minute), time(-minute)),
  },
  "a clock that is a year ahead": {
    before: ({ file }, minute) => Deno.utime(file, time(31_536_000 + minute), time(31_536_000 + minute)),
  },
  "a log that is rotated each minute": {
    before: async ({ file }, minute) => {
      await Deno.rename(file, `${file}.1`);
      await write(file, `line ${minute}`);
    },
  },
  "a file that is replaced": {
    before: async ({ file, folder }, minute) => {
      await write(join(folder, "new"), `${minute}`);
      await Deno.rename(join(folder, "new"), file);
    },
  },
  "a file that is emptied and filled by turns": {
    before: ({ file }, minute) => write(file, minute % 2 === 0 ? "" : "full"),
  },
  "progress in every ninth minute only": {
    before: ({ file }, minute) => minute % 9 === 0 ? write(file, `${minute}`) : undefined,
  },
  "the end of a large file": {
    before: async ({ file }, minute) => {
      await first(minute, () => write(file, "x".repeat(300_000)));
      await write(file, `${"x".repeat(300_000)}${minute % 10}`);
    },
  },
  "a folder in which files come": {
    look: ({ folder }) => watchProgressFile(folder),
    before: async ({ folder }, minute) => {
      await write(join(folder, `${minute}`), "");
      await Deno.utime(folder, time(minute), time(minute));
    },
  },
  "nothing to do": { look: says(() => ({ busy: false, progress: 12 })) },
  "a number that counts down": { look: says((minute) => ({ progress: 100 - minute })) },
  "work in turns: done before its deadline, and idle between": {
    look: says((minute) => ({ busy: minute % 9 !== 8, progress: 3 })),
  },
  "a monitor that restarts within the deadline, and whose work moves then": {
    restartsAt: 8,
    before: ({ file }, minute) => minute === 16 ? write(file, "moved") : undefined,
  },
  "a mount that fails now and then": {
    look: ({ file }) => {
      let looks = 0;
      return watchProgressFile(file, {
        read: () => ++looks % 5 === 0 ? Promise.resolve(looks) : Promise.reject(new Error("Timeout")),
      });
    },
  },
};

Deno.test("work that stands still is told, and work that moves is not", async (context) => {
  await using database = await openRulesDatabase();
  for (const [name, story] of Object.entries(zombies)) {
    await context.step(`${name} → stalled`, async () => {
      assert.equal((await play(database, story)).at(-1), "stalled");
    });
  }
  for (const [name, story] of Object.entries(busy)) {
    await context.step(`${name} → online in every minute`, async () => {
      const seen = await play(database, story);
      assert.deepEqual(new Set(seen), new Set(["online"]));
    });
  }
});

/** The liveness in each minute. */
async function play(database: RulesDatabase, story: Story): Promise<string[]> {
  await using folder = await temporaryFolder();
  const scene = { folder: folder.path, file: join(folder.path, "progress") };
  await write(scene.file, "1");
  await Deno.utime(scene.file, time(0), time(0));
  const look = (story.look ?? (({ file }) => watchProgressFile(file)))(scene);
  const [{ id } = {}] = await database.sql(
    "insert into public.agents (name, progress_deadline_seconds) values ('an agent', 600) returning id",
  );
  const agentId = String(id);
  const seen: string[] = [];
  let last: Part["work"];
  for (let minute = 0; minute < minutes; minute++) {
    await story.before?.(scene, minute);
    last = (await look()).work ?? last;
    const work = last === undefined ? null : { busy: last.busy, progress: last.progress ?? null };
    await database.sql(
      `update public.agent_beats set last_seen_at = last_seen_at - interval '60 s',
         online_since = online_since - interval '60 s', deadline_from = deadline_from - interval '60 s'
       where agent_id = $1`,
      [agentId],
    );
    const start = minute < (story.restartsAt ?? minutes) ? 1 : 2;
    const instanceId = `${start}1111111-0000-4000-8000-000000000001`;
    const beat = {
      agentId,
      epoch: 1,
      status: "healthy",
      message: null,
      metrics: {},
      instanceId,
      seq: minute,
    };
    await database.at(({ heartbeats }) =>
      heartbeats.record([{ ...beat, clockOffsetSeconds: null, work, backInSeconds: null }])
    );
    seen.push((await database.at(({ agents }) => agents.get(agentId, null)))?.liveness ?? "gone");
  }
  return seen;
}

for (
  const work of [7, [], "busy", { busy: 1 }, { busy: null }, { progress: 0.5 }, { progress: "1" }, {
    progress: 2 ** 53,
  }]
) {
  Deno.test(`a status command that says the work ${JSON.stringify(work)} → left out, and complained of`, () => {
    const part = judgeStatus(0, JSON.stringify({ status: "healthy", work }));
    assert.equal(part.work, undefined);
    assert.equal(part.status, "healthy");
    assert.match(part.complaint ?? "", /the status command's work is left out/);
  });
}
