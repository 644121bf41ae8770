import { Buffer } from "node:buffer";
import { type KeyObject, sign, verify } from "node:crypto";
import { algorithm, type KeyRing } from "./keys.ts";
import { isRecord } from "./values.ts";

type Part = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
/** Longer than any token. */
const scratch = Buffer.alloc(8192);

/**
 * A JWT (RFC 7519) with an Ed25519 signature (RFC 8037).
 *
 * By node:crypto, at once: jose and WebCrypto take two to four times as long, which every handshake would pay.
 */
export function signJwt(claims: Part, { kid, key }: KeyRing["signing"], { typ }: { typ: string }): string {
  const input = `${encode({ alg: algorithm, typ, kid })}.${encode(claims)}`;
  return `${input}.${sign(null, inBytes(input), key).toString("base64url")}`;
}

/**
 * The claims of a JWT of this type that one of the keys has signed. It says nothing of what the claims say.
 *
 * It takes what jose takes, but for what no token of ours has: another spelling of the type, and `crit`.
 *
 * @returns the claims, or what is wrong with the token
 */
export function readJwt(token: string, keys: KeyRing, { typ }: { typ: string }): Part | string {
  const parts = token.split(".");
  const [header, claims, signature] = parts.map(decode);
  if (parts.length !== 3 || !header || !claims || !signature) return "it is not a JWT in canonical form";
  const head = parse(header);
  if (head === null || head.crit !== undefined) return "it is not a JWT of ours";
  if (head.alg !== algorithm) return "its algorithm is not EdDSA";
  const key = typeof head.kid === "string" ? keys.verifying.get(head.kid) : undefined;
  if (key === undefined) return "it names no key of ours";
  if (!isSigned(token, { signature, key })) return "its signature does not fit";
  if (head.typ !== typ) return 'its "typ" is not as expected';
  return parse(claims) ?? "it is not a JWT of ours";
}

function isSigned(token: string, { signature, key }: { signature: Buffer; key: KeyObject }): boolean {
  const input = inBytes(token.slice(0, token.lastIndexOf(".")));
  return signature.length === 64 && verify(null, input, key, signature);
}

function encode(part: Part): string {
  return inBytes(JSON.stringify(part)).toString("base64url");
}

/** A text as UTF-8, in bytes that are good until the next one: to make an array of them takes ten times as long. */
function inBytes(text: string): Buffer {
  const { read, written } = encoder.encodeInto(text, scratch);
  return read === text.length ? scratch.subarray(0, written) : Buffer.from(text);
}

/** Null unless it encodes back to itself: the last character's spare bits would make twins otherwise. */
function decode(part: string): Buffer | null {
  const bytes = Buffer.from(part, "base64url");
  return bytes.toString("base64url") === part ? bytes : null;
}

function parse(json: Buffer): Part | null {
  try {
    const value: unknown = JSON.parse(json.toString());
    return isRecord(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
