const timeoutMs = 500;

/**
 * Takes the lock on an open file, for as long as the file stays open; false when another process has it.
 *
 * Deno 2.4 can only wait for a lock: there, one that does not come soon counts as taken.
 */
export async function tryLock(file: Deno.FsFile): Promise<boolean> {
  if ("tryLock" in file) return await file.tryLock(true);
  const waiting: Deno.FsFile = file;
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const locked = await Promise.race([waiting.lock(true).then(() => true), promise]);
  clearTimeout(timer);
  return locked;
}
