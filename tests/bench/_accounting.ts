/** What a clock tick of /proc is, in microseconds; Linux has 100 a second on all that it runs on today. */
const tick = 10_000;

/** A process as /proc/<pid>/stat has it. */
export interface Stat {
  parent: number;
  /** The CPU time of the process, and of its children that have ended, in ticks. */
  ticks: number;
}

/** Memory in MB: what a process has now, and the most that it ever had. */
export interface Memory {
  now: number;
  peak: number;
}

/**
 * The CPU time of these processes and their children, in microseconds, by the system's own accounting. A child that
 * ends meanwhile is not lost: its time is its parent's from then on.
 */
export async function cpuOf(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    const stat = /^\d+$/.test(name) ? await statOf(name) : null;
    if (stat !== null && (pids.includes(Number(name)) || pids.includes(stat.parent))) ticks += stat.ticks;
  }
  return ticks * tick;
}

/** The name of the program stands in parentheses, and may have any character. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [, parent = NaN] = fields;
  return { parent, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) };
}

export async function memoryOf(pid: number): Promise<Memory> {
  return parseMemory(await Deno.readTextFile(`/proc/${pid}/status`));
}

export function parseMemory(text: string): Memory {
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1024 / 1e6;
  return { now: read("VmRSS"), peak: read("VmHWM") };
}

/** The time of all processors so far, in ticks. */
export interface Use {
  all: number;
  idle: number;
  /** When this machine, a guest, wanted to run and its host ran others. */
  stolen: number;
}

export async function readUse(): Promise<Use> {
  return parseUse(await Deno.readTextFile("/proc/stat"));
}

/** How much of the machine's processors was in use between two moments, in percent. */
export function usedPercent(before: Use, after: Use): number {
  return 100 * (1 - (after.idle - before.idle) / (after.all - before.all));
}

export function parseUse(text: string): Use {
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0, stolen = 0] =
    (text.split("\n")[0] ?? "").replace(/^cpu +/, "").split(" ").map(Number);
  // The two that follow, of guests, are in the first two already.
  const all = user + nice + system + idle + waiting + interrupts + soft + stolen;
  return { all, idle: idle + waiting, stolen };
}

async function statOf(pid: string): Promise<Stat | null> {
  try {
    return parseStat(await Deno.readTextFile(`/proc/${pid}/stat`));
  } catch (error) {
    // It has ended meanwhile.
    if (error instanceof Deno.errors.NotFound || /No such process/.test(String(error))) return null;
    throw error;
  }
}
