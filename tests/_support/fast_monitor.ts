import { addMonitor } from "../../cli/commands/agent/monitor.ts";
import { start } from "../../cli/commands/start.ts";
import { type Clock, hostClock } from "../../cli/host/clock.ts";
import { parseObject } from "../../cli/host/json.ts";
import { jumpingClock } from "./jumping_clock.ts";

/**
 * The real `openclaw monitor` in a process of its own with another clock, which the shipped program cannot be given:
 * `fast_monitor.ts '{"clock":20}' monitor …` lets twenty seconds pass in one, and a clock that is slower than
 * the host's slows every time limit with it; `{"clock":"jumping"}` skips every wait,
 * and each request then tells the clock's time in its header `test-clock`. `replyTimeoutMs` is after how long a
 * request without a reply is given up.
 */
const [time = "", ...args] = Deno.args;
const { clock, replyTimeoutMs } = parseObject(time) ?? {};
const given = {
  clock: clock === "jumping" ? stamping(jumpingClock()) : fastClock(Number(clock ?? 1)),
  replyTimeoutMs: typeof replyTimeoutMs === "number" ? replyTimeoutMs : undefined,
};

Deno.exit(
  await start(args, [{
    name: "monitor",
    summary: "the monitor with another clock",
    load: () => Promise.resolve((program, environment) => addMonitor(program, environment, given)),
  }]),
);

function fastClock(speed: number): Clock {
  if (speed < 1) {
    const timeout = AbortSignal.timeout;
    AbortSignal.timeout = (milliseconds) => timeout(milliseconds / speed);
  }
  const begun = hostClock.wall();
  return {
    monotonic: () => speed * hostClock.monotonic(),
    wall: () => begun + speed * (hostClock.wall() - begun),
    sleep: (seconds, signal) => hostClock.sleep(seconds / speed, signal),
  };
}

/** Has every request tell when it was made. */
function stamping(clock: Clock): Clock {
  const plain = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("test-clock", String(clock.monotonic()));
    return plain(input, { ...init, headers });
  };
  return clock;
}
