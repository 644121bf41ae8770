import assert from "node:assert/strict";
import { join } from "node:path";

export interface Certificate {
  cert: string;
  key: string;
  paths: { cert: string; key: string };
  /** The path of who signed it. */
  authority: string;
}

/** A certificate for `localhost` and `fleet.invalid`, of an authority that nobody knows. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const authority = join(folder, "authority.pem");
  const paths = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const authorityKey = join(folder, "authority-key.pem");
  await sign(["-subj", "/CN=authority", "-keyout", authorityKey, "-out", authority]);
  await sign([
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:fleet.invalid"],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-CA", authority, "-CAkey", authorityKey],
    ...["-keyout", paths.key, "-out", paths.cert],
  ]);
  return {
    cert: await Deno.readTextFile(paths.cert),
    key: await Deno.readTextFile(paths.key),
    authority,
    paths,
  };
}

async function sign(args: string[]): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const { success, stderr } = await new Deno.Command("openssl", { args: ["req", "-x509", ...key, ...args] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
