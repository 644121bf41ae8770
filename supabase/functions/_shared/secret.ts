import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** What a secret of ours begins with: an agent's, an enrollment code, a reader's key. */
export type SecretPrefix = "ocs_" | "oce_" | "ocr_";

/**
 * A secret: its prefix, 43 characters of base64url (32 random bytes), `_`, and 6 characters of
 * base64url: the first 4 bytes of the SHA-256 of the 47 characters before them. The checksum tells a
 * mistyped or cut secret from a wrong one without asking anybody; it proves nothing.
 */
export function makeSecret(random: Uint8Array, prefix: SecretPrefix = "ocs_"): string {
  if (random.length !== 32) {
    throw new RangeError(`Cannot make a secret: ${random.length} bytes, expected 32`);
  }
  const body = `${prefix}${Buffer.from(random).toString("base64url")}`;
  return `${body}_${checksum(body)}`;
}

/**
 * What keeps a text from being a secret with this prefix, or null if it is well-formed. The fault never repeats the
 * text.
 *
 * Read by position, never by splitting: base64url has `_` too.
 */
export function secretFault(text: string, prefix: SecretPrefix = "ocs_"): string | null {
  if (text.length !== 54) return `has ${text.length} characters, expected 54`;
  if (!text.startsWith(prefix) || !/^[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}$/.test(text.slice(4))) {
    return `is not of the form "${prefix}…_…"`;
  }
  const body = text.slice(0, 47);
  if (text.slice(48) !== checksum(body)) {
    return "has a checksum that does not match: it was mistyped or cut";
  }
  return null;
}

/** What the database keeps of a secret: `sha256:` and the hex of the SHA-256 of all its characters. */
export function digestSecret(secret: string): string {
  return `sha256:${createHash("sha256").update(secret).digest("hex")}`;
}

function checksum(body: string): string {
  const digest = createHash("sha256").update(body).digest("hex");
  const bytes = [0, 2, 4, 6].map((at) => Number.parseInt(digest.slice(at, at + 2), 16));
  // Not by way of a Buffer, which takes five times as long.
  return btoa(String.fromCharCode(...bytes)).slice(0, 6).replaceAll("+", "-").replaceAll("/", "_");
}
