const reasons: readonly [RegExp, string][] = [
  [/^(ENOTFOUND|EAI_[A-Z]+)$/, "no such host name, or no name server that knows it"],
  [/^ECONNREFUSED$/, "the connection was refused, nothing listens there"],
  [/^(SILENT|CONNECT_TIMEOUT|ETIMEDOUT)$/, "no answer in time"],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/, "there is no route to that host"],
  [/^(ECONNRESET|EPIPE|CONNECTION_[A-Z]+)$/, "the connection was closed"],
  [/^28/, "the user or password was refused"],
  [/^53300$/, "it has no connection left"],
  [/^57P0/, "it is starting or stopping"],
];

/**
 * Why a database cannot be reached, from the first code in the chain of causes: never from a message, which
 * may hold an address and its password. Undefined when there is no code.
 */
export function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? String(error.code) : "";
  const known = reasons.find(([pattern]) => pattern.test(code))?.[1];
  return known ?? reasonOf(error.cause) ?? (/^[A-Z0-9_]+$/.test(code) ? `it failed with ${code}` : undefined);
}
