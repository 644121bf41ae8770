/** What a program can do on its host. */
export type Ability = "ffi" | "run" | "env" | "write" | "sys" | "net" | "read" | "import";

export const abilities: readonly Ability[] = ["ffi", "run", "env", "write", "sys", "net", "read", "import"];

/**
 * What each command keeps after its start. What it needs once it does before: the environment is read,
 * certificates and control group files are opened.
 */
export const kept = {
  "monitor": ["net", "read", "write", "sys"],
  "monitor with a command": ["net", "read", "write", "sys", "run", "env"],
  "handshake": ["net", "sys"],
  "heartbeat": ["net", "read", "write", "sys"],
  "run": ["net", "read", "write", "sys", "run", "env"],
  "status": ["net", "read", "write", "sys", "run", "env"],
  "doctor": ["net", "read", "sys"],
  "configure": ["net", "read", "write", "sys", "env"],
  "enroll": ["net", "read", "write", "sys"],
  "forget": ["read", "write"],
  "service": ["net", "read", "write", "sys", "run", "env"],
  "installer": ["read", "write", "sys"],
  "agents": ["net", "read", "write", "sys", "env"],
  "channels": ["net", "read", "write", "sys", "env"],
  "cost": [],
  "dashboard": ["net", "read", "write", "sys", "run", "env"],
  "enrollments": ["net", "read", "write", "sys", "env"],
  "fleet": ["net", "read", "write", "sys"],
  "incidents": ["net", "read", "write", "sys", "env"],
  "login": ["net", "read", "write", "sys", "env"],
  "logout": ["net", "read", "write", "sys"],
  "reader-keys": ["net", "read", "write", "sys"],
  "top": ["net", "read", "write", "sys"],
  "keys": [],
  "completions": [],
  "version": [],
  "elsewhere": [],
  "serve": ["net", "read", "write", "sys", "env"],
} as const satisfies Record<string, readonly Ability[]>;

/** Gives up, for good, everything that the command does not keep: what it does not need nobody can make it do. */
export async function giveUp(command: keyof typeof kept): Promise<void> {
  const needed: readonly Ability[] = kept[command];
  for (const name of abilities) {
    if (!needed.includes(name)) await Deno.permissions.revoke({ name });
  }
}
