import { Webhook } from "npm:standardwebhooks@1.1.1";

/** The headers by which a receiver checks a message (Standard Webhooks): its id, when it was sent, and the signature. */
export function signatureHeaders(
  secret: string,
  { id, at, body }: { id: string; at: Date; body: string },
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

/** A secret of 32 random bytes, as Standard Webhooks writes one. */
export function makeSigningSecret(bytes: Uint8Array): string {
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
