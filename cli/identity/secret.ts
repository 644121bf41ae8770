import { createHash } from "node:crypto";

/** What a secret of ours begins with: an agent's, an enrollment code, a reader's key. */
export type SecretPrefix = "ocs_" | "oce_" | "ocr_";

/**
 * What keeps a text from being an agent's secret, or another one that begins with `prefix`; null if it is well-formed
 * (the contract's "Secrets, codes, keys"). The fault never repeats the text. Read by position: base64url has `_` too.
 */
export function secretFault(text: string, prefix: SecretPrefix = "ocs_"): string | null {
  if (text.length !== 54) return `it has ${text.length} characters, a secret has 54`;
  if (!text.startsWith(prefix) || !/^.{4}[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}$/.test(text)) {
    return `it is not of the form "${prefix}…_…"`;
  }
  const checksum = sha256(text.slice(0, 47)).subarray(0, 4).toString("base64url");
  return text.slice(48) === checksum ? null : "its checksum does not fit: it was mistyped or cut";
}

/** What tells one pair of server and credentials from another, without holding the secret. */
export function fingerprint(
  { url, agentId, secret }: { url: string; agentId: string; secret: string },
): string {
  return `sha256:${sha256(`${url}\n${agentId}\n${secret}`).toString("hex")}`;
}

function sha256(text: string) {
  return createHash("sha256").update(text).digest();
}
