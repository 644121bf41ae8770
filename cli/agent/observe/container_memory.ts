import { basename, dirname, join } from "node:path";

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
const own = "/proc/self/cgroup";
/** How the groups of containers are called by what starts them. */
const ofContainers = /^(docker|libpod|kubepods|containerd|cri-|crio|lxc|ecs|garden|buildkit|machine-)/;

/**
 * Opens the control group's files, for as long as the process lives: Deno lets nobody open what is under /sys
 * that has given up any permission, but an open file can be read again.
 */
export function openContainerMemory(
  root = "/sys/fs/cgroup",
  { hostBytes = (): number => Deno.systemMemoryInfo().total, groups = readIfPossible(own) } = {},
): ContainerMemory | null {
  if (Deno.build.os !== "linux") return null;
  const found = places.flatMap((place) => pathsOf(root, place, groups)).map(openAll).filter((one) =>
    one !== null
  );
  if (found.length === 0) return null;
  return {
    percent() {
      // The tightest limit of the group and those above it; the group's own is often none.
      const all = found.map((files) => percentIn(files, hostBytes)).filter((one) => one !== null);
      return all.length === 0 ? null : Math.max(...all);
    },
  };
}

interface Files {
  limit: Deno.FsFile;
  usage: Deno.FsFile;
  stat: Deno.FsFile;
}

/**
 * The files of the mounted root, which is a container's own group, and, where that is the host's (`--cgroupns=host`),
 * those of the process's group and of each above it that belongs to a container. A service of the host has a group
 * with a limit, too, which says nothing of the host.
 */
function pathsOf(root: string, { limit, usage, stat }: Places, groups: string): Places[] {
  const controller = dirname(limit) === "." ? "" : dirname(limit);
  const line = groups.split("\n").map((one) => /^\d+:([^:]*):(\/.*)$/.exec(one))
    .find((one) => controller === "" ? one?.[1] === "" : one?.[1]?.split(",").includes(controller));
  const names = (line?.[2] ?? "/").split("/").filter((name) => name !== "" && name !== "..");
  const first = names.findIndex((name) => ofContainers.test(name));
  const depths = first < 0 ? [0] : [0, ...names.slice(first).map((_, index) => first + index + 1)];
  return depths.map((depth) => {
    const group = join(root, controller, ...names.slice(0, depth));
    return {
      limit: join(group, basename(limit)),
      usage: join(group, basename(usage)),
      stat: join(group, basename(stat)),
    };
  });
}

function percentIn({ limit: limitFile, usage, stat }: Files, hostBytes: () => number): number | null {
  const limit = Number(reread(limitFile));
  if (!(limit > 0 && limit < noLimit)) return null;
  // A limit above what the host has is no limit.
  return percentOf(Math.min(limit, hostBytes()), Number(reread(usage)), reread(stat));
}

/** The cache that the kernel can drop does not count as used. */
function percentOf(limit: number, usage: number, stat: string): number | null {
  if (!(limit > 0) || !(usage >= 0)) return null;
  const cache = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  return 100 * Math.max(0, usage - cache) / limit;
}

function openAll(places: Places): Files | null {
  const files: Deno.FsFile[] = [];
  const open = (path: string): Deno.FsFile => {
    const file = Deno.openSync(path);
    files.push(file);
    return file;
  };
  try {
    return { limit: open(places.limit), usage: open(places.usage), stat: open(places.stat) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    for (const file of files) file.close();
    return null;
  }
}

function readIfPossible(path: string): string {
  if (Deno.build.os !== "linux") return "";
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Error) return "";
    throw error;
  }
}

function reread(file: Deno.FsFile): string {
  file.seekSync(0, Deno.SeekMode.Start);
  const bytes = new Uint8Array(65_536);
  const length = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}
