/** The variables that hold a secret of ours, or a way to one. Another program's OPENCLAW_ variables are its own. */
const secrets: readonly string[] = [
  "OPENCLAW_AGENT_SECRET",
  "OPENCLAW_AGENT_SECRET_FILE",
  "OPENCLAW_OPERATOR_KEY",
  "OPENCLAW_OPERATOR_KEY_FILE",
  "OPENCLAW_ENROLLMENT_CODE",
  "OPENCLAW_ENROLLMENT_CODE_FILE",
  "AGENT_JWT_KEYS",
  "DATABASE_URL",
  "SUPABASE_SECRET_KEYS",
  "OPENCLAW_SMTP_URL",
  "OPENCLAW_HEARTBEAT_URL",
  "OPENCLAW_MAIL_KEY",
];

/** The variables of this process but our secrets, which must not reach a child. */
export function childEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !secrets.includes(name.toUpperCase())),
  );
}
