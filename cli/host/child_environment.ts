/** The variables of this process but ours: a secret must not reach a child. */
export function childEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !name.toUpperCase().startsWith("OPENCLAW_")),
  );
}
