import assert from "node:assert/strict";
import { accepts, handshakesAndBeats, refuses, startFaultServer } from "../../_support/fault_server.ts";
import { identify, isBinary, makeAgent, start } from "../../_support/program.ts";
import { agentFlags } from "../../../tools/agent_flags.ts";
import { leaveOutForTime, testUnless } from "../../_support/require.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { pause } from "../../_support/wait.ts";

const seconds = 600;
/** What it loads and compiles at first is not growth. */
const warmUpSeconds = 60;
const name = `over ${seconds} s of beats, outages and new sessions, a monitor's memory does not grow`;

// A part of the ten minutes tells the growth of a young heap and nothing of a leak.
if (share(seconds) < seconds) leaveOutForTime(name, `all ${seconds} s`);
else testUnless(Deno.build.os === "linux" ? null : "/proc", name, staysSmall);

async function staysSmall(): Promise<void> {
  const { next } = seededRandom(name);
  using server = startFaultServer(handshakesAndBeats(() => {
    const luck = next();
    return luck < 0.01 ? refuses("token_expired") : luck < 0.02 ? "cut" : accepts(1);
  }));
  await using home = await temporaryFolder();
  const options = {
    home: home.path,
    // From source, with the flags of the compiled program.
    env: { ...identify(makeAgent(), server.url), DENO_V8_FLAGS: agentFlags },
    time: { clock: 50 },
    longestSeconds: 2 * seconds,
  };
  await using monitor = start(["monitor", "--quiet"], options);
  await server.until(2);
  await pause(warmUpSeconds * 1000);
  const before = await memory(monitor.pid);
  await pause((seconds - warmUpSeconds) * 1000);
  const after = await memory(monitor.pid);
  assert.ok(after < 1.25 * before, `${before / 1e6} MB, then ${after / 1e6} MB`);
  assert.ok(server.caught.length > seconds / (isBinary ? 60 : 2), `only ${server.caught.length} requests`);
}

/** What is in the machine's memory for this process. */
async function memory(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  return 1024 * Number(/^Rss: +(\d+) kB/m.exec(text)?.[1]);
}
