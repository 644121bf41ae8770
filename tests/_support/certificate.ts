import assert from "node:assert/strict";
import { join } from "node:path";

export interface Certificate {
  cert: string;
  key: string;
  paths: { cert: string; key: string };
  /** The path of who signed it. */
  authority: string;
}

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const leaf =
  "subjectAltName=DNS:localhost,DNS:fleet.invalid,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";

/**
 * A certificate for `localhost`, `127.0.0.1` and `fleet.invalid`, of an authority that nobody knows. It is asked for and then
 * signed: what does both at once, the openssl of macOS does not know.
 */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const authority = join(folder, "authority.pem");
  const paths = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const authorityKey = join(folder, "authority-key.pem");
  const [asked, extensions] = [join(folder, "asked.pem"), join(folder, "extensions")];
  await openssl(
    [
      "req",
      "-x509",
      ...key,
      "-days",
      "2",
      "-subj",
      "/CN=authority",
      "-keyout",
      authorityKey,
      "-out",
      authority,
    ],
  );
  await openssl(["req", "-new", ...key, "-subj", "/CN=localhost", "-keyout", paths.key, "-out", asked]);
  await Deno.writeTextFile(extensions, leaf);
  await openssl([
    ...["x509", "-req", "-in", asked, "-CA", authority, "-CAkey", authorityKey, "-set_serial", "2"],
    ...["-days", "2", "-extfile", extensions, "-out", paths.cert],
  ]);
  return {
    cert: await Deno.readTextFile(paths.cert),
    key: await Deno.readTextFile(paths.key),
    authority,
    paths,
  };
}

async function openssl(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
