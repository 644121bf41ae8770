/**
 * What to know where the monitor is a container's first process, or null. Everybody whom a command leaves running
 * becomes a child of that process, which has to reap it, and the runtime reaps its own children only: at the container's
 * limit of processes the command itself can no longer start, and a sound host is called unhealthy.
 */
export function warningOfFirstProcess(pid: number, runsPrograms: boolean): string | null {
  if (pid !== 1 || !runsPrograms) return null;
  return "this is the container's first process, and what a command leaves running stays as a zombie when it ends: " +
    "start the container with --init";
}
