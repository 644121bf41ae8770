/** The memory that a container may use. */
export interface ContainerMemory {
  percent: () => number | null;
}

interface Places {
  limit: string;
  usage: string;
  stat: string;
}

/** Control groups version 2 and 1, as a container sees its own. On a host itself there is no such file, or no limit in it. */
const places: Places[] = [
  { limit: "memory.max", usage: "memory.current", stat: "memory.stat" },
  {
    limit: "memory/memory.limit_in_bytes",
    usage: "memory/memory.usage_in_bytes",
    stat: "memory/memory.stat",
  },
];

const noLimit = 2 ** 60;

/**
 * Opens the control group's files, for as long as the process lives: Deno lets nobody open what is under /sys
 * that has given up any permission, but an open file can be read again.
 */
export function openContainerMemory(
  root = "/sys/fs/cgroup",
  hostBytes = (): number => Deno.systemMemoryInfo().total,
): ContainerMemory | null {
  if (Deno.build.os !== "linux") return null;
  for (const { limit, usage, stat } of places) {
    const files = openAll([`${root}/${limit}`, `${root}/${usage}`, `${root}/${stat}`]);
    if (files === null) continue;
    const [limitFile, usageFile, statFile] = files;
    if (limitFile === undefined || usageFile === undefined || statFile === undefined) continue;
    return {
      percent() {
        const limit = Number(reread(limitFile));
        if (!(limit > 0 && limit < noLimit)) return null;
        // A limit above what the host has is no limit.
        return percentOf(Math.min(limit, hostBytes()), Number(reread(usageFile)), reread(statFile));
      },
    };
  }
  return null;
}

/** The cache that the kernel can drop does not count as used. */
function percentOf(limit: number, usage: number, stat: string): number | null {
  if (!(limit > 0) || !(usage >= 0)) return null;
  const cache = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  return 100 * Math.max(0, usage - cache) / limit;
}

function openAll(paths: string[]): Deno.FsFile[] | null {
  const files: Deno.FsFile[] = [];
  try {
    for (const path of paths) files.push(Deno.openSync(path));
    return files;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    for (const file of files) file.close();
    return null;
  }
}

function reread(file: Deno.FsFile): string {
  file.seekSync(0, Deno.SeekMode.Start);
  const bytes = new Uint8Array(65_536);
  const length = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}
