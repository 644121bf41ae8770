import { statfs } from "node:fs";
import { type CpuInfo, cpus } from "node:os";
import { promisify } from "node:util";
import { type ContainerMemory, openContainerMemory } from "./container_memory.ts";

export type Metrics = Record<string, number>;

/** What the runtime tells of its host. */
export interface Readings {
  cpus: () => Pick<CpuInfo, "times">[];
  /** In bytes; `available` is MemAvailable on Linux. */
  memory: () => Deno.SystemMemoryInfo;
  load: () => number[];
  /** In seconds; zero where the runtime cannot tell. */
  uptime: () => number;
  /** In seconds since some moment; never turned back. */
  now: () => number;
}

interface CpuTime {
  at: number;
  busy: number;
  total: number;
}

/** This host. */
export const hostReadings: Readings = {
  cpus,
  memory: Deno.systemMemoryInfo,
  load: () => Deno.build.os === "windows" ? [] : Deno.loadavg(),
  uptime: Deno.osUptime,
  now: () => performance.now() / 1000,
};

/** Over less than that, what this program itself did at its start is most of it. */
const leastCpuSeconds = 1;

/**
 * What a host says of itself without a subprocess. What it cannot tell is left out, never zero; so is the CPU,
 * which is measured over the time since the last sample, or since the start, until a second of it has passed.
 */
export class HostMetrics {
  #cpu: CpuTime | null = null;
  readonly #container: ContainerMemory | null;
  readonly #host: Readings;
  readonly #disk = Deno.build.os === "windows" ? `${Deno.env.get("SystemDrive") ?? "C:"}\\` : "/";

  constructor(container: ContainerMemory | null = openContainerMemory(), host: Readings = hostReadings) {
    this.#container = container;
    this.#host = host;
    void quietly(() => this.#cpuPercent());
  }

  async sample(): Promise<Metrics> {
    const values: [string, () => number | null | Promise<number | null>][] = [
      ["cpu_percent", () => this.#cpuPercent()],
      ["memory_percent", () => this.#container?.percent() ?? memoryPercent(this.#host.memory())],
      ["disk_percent", () => diskPercent(this.#disk)],
      ["load_1m", () => this.#host.load()[0] ?? null],
      ["uptime_seconds", () => this.#host.uptime() || null],
    ];
    const metrics: Metrics = {};
    for (const [name, measure] of values) {
      const value = await quietly(measure);
      if (value !== null && Number.isFinite(value)) metrics[name] = Math.round(value * 100) / 100;
    }
    return metrics;
  }

  #cpuPercent(): number | null {
    const before = this.#cpu;
    const now = cpuTime(this.#host);
    if (before !== null && now.at - before.at < leastCpuSeconds) return null;
    this.#cpu = now;
    if (before === null || now.total <= before.total) return null;
    return 100 * (now.busy - before.busy) / (now.total - before.total);
  }
}

/** A number that a host refuses to tell, for whatever reason, is one that it cannot tell. */
async function quietly(measure: () => number | null | Promise<number | null>): Promise<number | null> {
  try {
    return await measure();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

function cpuTime({ cpus, now }: Readings): CpuTime {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { at: now(), busy: total - idle, total };
}

function memoryPercent({ total, available }: Deno.SystemMemoryInfo): number | null {
  return total > 0 && available > 0 ? 100 * (total - available) / total : null;
}

/** As df counts: what root keeps for itself is not free. */
async function diskPercent(path: string): Promise<number | null> {
  const { blocks, bfree, bavail } = await promisify(statfs)(path);
  const used = blocks - bfree;
  return used + bavail > 0 ? 100 * used / (used + bavail) : null;
}
