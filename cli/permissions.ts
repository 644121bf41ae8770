type Name = Deno.PermissionDescriptor["name"];

const all: Name[] = ["ffi", "run", "env", "write", "sys", "net", "read"];

/**
 * Gives up, for good, every permission that is not named: what a command does not need nobody can make it do.
 * What it needs once must be done before: the environment is read, certificates and control group files opened.
 */
export async function keepOnly(...needed: Name[]): Promise<void> {
  for (const name of all) {
    if (!needed.includes(name)) await Deno.permissions.revoke({ name });
  }
}
