import type { Beat, Verdict } from "../../supabase/functions/_shared/database/port.ts";

/** The end of a turn: the last beat of an instance, after which another one of the agent beat. */
interface Turn {
  instance: string;
  seq: number | null;
  at: number;
  stopping: boolean;
}

/** What the rules of a heartbeat know of an agent. Times are microseconds. */
export interface BeatingAgent {
  interval: number;
  epoch: number;
  rotationRequested: boolean;
  copies: string[];
  adopting: string[];
  revokedInstances: string[];
  lastSeenAt: number | null;
  onlineSince: number | null;
  count: number;
  status: string | null;
  message: string | null;
  metrics: Record<string, number>;
  clockOffset: number | null;
  instance: string | null;
  seq: number | null;
  busy: boolean | null;
  progress: number | null;
  lastProgressAt: number | null;
  /** From when the deadline of its work counts, and how long it is. */
  deadlineFrom: number | null;
  deadline: number | null;
  backAt: number | null;
  /** Those that are known, the first one first. */
  instances: string[];
  turns: Turn[];
}

const second = 1_000_000;

/** An agent that has not beaten. */
export function newBeatingAgent(interval: number): BeatingAgent {
  return {
    interval,
    epoch: 1,
    rotationRequested: false,
    copies: [],
    adopting: [],
    revokedInstances: [],
    lastSeenAt: null,
    onlineSince: null,
    count: 0,
    status: null,
    message: null,
    metrics: {},
    clockOffset: null,
    instance: null,
    seq: null,
    busy: null,
    progress: null,
    lastProgressAt: null,
    deadlineFrom: null,
    deadline: null,
    backAt: null,
    instances: [],
    turns: [],
  };
}

/** The contract's rules of a heartbeat, as plain as they can be said: what `record_heartbeats` has to do with one. */
export function takeBeat(agent: BeatingAgent | undefined, beat: Beat, now: number): Verdict {
  if (agent === undefined || beat.epoch !== agent.epoch) return null;
  if (beat.instanceId !== null && agent.revokedInstances.includes(beat.instanceId)) return null;
  const verdict = verdictOf(agent, beat);
  const before = { ...agent };
  agent.onlineSince = isOnline(agent, now) ? agent.onlineSince ?? now : now;
  agent.lastSeenAt = now;
  agent.count += 1;
  agent.clockOffset = beat.clockOffsetSeconds ?? agent.clockOffset;
  const isOvertaken = beat.instanceId !== null && beat.instanceId === agent.instance &&
    beat.seq !== null && agent.seq !== null && beat.seq <= agent.seq;
  // What a clock that was ahead has stamped.
  agent.lastProgressAt = agent.lastProgressAt === null ? null : Math.min(agent.lastProgressAt, now);
  agent.deadlineFrom = Math.min(agent.deadlineFrom ?? now, now);
  if (!isOvertaken) {
    const wasStalled = isStalled(before, now);
    takeWork(agent, beat, now);
    if (wasStalled && !isStalled(agent, now)) agent.onlineSince = now;
    agent.backAt = beat.status === "stopping" && beat.backInSeconds !== null
      ? now + beat.backInSeconds * second
      : null;
    agent.status = beat.status;
    agent.message = beat.message;
    agent.metrics = beat.metrics;
    agent.instance = beat.instanceId;
    agent.seq = beat.seq;
  }
  if (before.instance !== null && beat.instanceId !== null && before.instance !== beat.instanceId) {
    takeTurn(agent, { before, beat: { ...beat, instanceId: beat.instanceId }, now });
  }
  return verdict;
}

/** What moves the deadline of its work: progress, a beginning of work, another instance. */
function takeWork(agent: BeatingAgent, { work, instanceId }: Beat, now: number): void {
  const progress = work?.progress ?? agent.progress;
  const isBeginning = work?.busy === true && agent.busy !== true || instanceId !== agent.instance;
  if (progress !== agent.progress) agent.lastProgressAt = now;
  if (progress !== agent.progress || isBeginning) agent.deadlineFrom = now;
  agent.progress = progress;
  agent.busy = work?.busy ?? null;
}

/** Whether its work has stood still for its deadline. */
function isStalled({ busy, deadline, deadlineFrom }: BeatingAgent, now: number): boolean {
  return busy === true && deadline !== null && deadlineFrom !== null &&
    now - deadlineFrom >= deadline * second;
}

function verdictOf({ interval, rotationRequested, copies, adopting }: BeatingAgent, beat: Beat): Verdict {
  const directives: string[] = [];
  const isOneOf = (list: string[]): boolean => beat.instanceId !== null && list.includes(beat.instanceId);
  if (rotationRequested && !isOneOf(copies)) directives.push("rotate");
  if (isOneOf(adopting)) directives.push("handshake");
  return { heartbeatIntervalSeconds: interval, ...(directives.length === 0 ? {} : { directives }) };
}

function isOnline({ status, lastSeenAt, interval }: BeatingAgent, now: number): boolean {
  if (status === null || status === "stopping" || lastSeenAt === null) return false;
  return lastSeenAt <= now + 5 * second && now - lastSeenAt <= (1.1 * interval + 15) * second;
}

/** Another instance beats: of two that do so in turn, the one that came later is a copy. */
function takeTurn(
  agent: BeatingAgent,
  { before, beat, now }: { before: BeatingAgent; beat: Beat & { instanceId: string }; now: number },
): void {
  const { instance, seq, lastSeenAt } = before;
  if (instance === null || lastSeenAt === null) return;
  const since = now - 4 * agent.interval * second;
  agent.turns = [
    ...agent.turns.filter(({ at }) => at >= since),
    { instance, seq, at: lastSeenAt, stopping: before.status === "stopping" },
  ].slice(-32);
  for (const one of [instance, beat.instanceId]) {
    if (!agent.instances.includes(one)) agent.instances.push(one);
  }
  const place = agent.instances.indexOf(beat.instanceId);
  for (const copy of agent.instances.slice(place + 1)) {
    if (agent.copies.includes(copy) || agent.copies.includes(beat.instanceId)) continue;
    if (isInTurn(agent.turns, copy, beat, since)) agent.copies.push(copy);
  }
}

/** Whether the other one beat twice since then, with this one in between, both with growing seq and without stopping. */
function isInTurn(
  turns: Turn[],
  other: string,
  beat: Beat & { instanceId: string },
  since: number,
): boolean {
  if (beat.status === "stopping") return false;
  const grows = (from: number | null, to: number | null) => from !== null && to !== null && from < to;
  return turns.some((one, first) =>
    one.instance === other && one.at >= since && !one.stopping &&
    turns.some((two, third) =>
      two.instance === other && !two.stopping && grows(one.seq, two.seq) &&
      turns.slice(first + 1, third).some((between) =>
        between.instance === beat.instanceId && !between.stopping && grows(between.seq, beat.seq)
      )
    )
  );
}
