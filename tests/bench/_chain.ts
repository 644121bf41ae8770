import { join } from "node:path";
import { succeed } from "../_support/run.ts";

const policy = "certificatePolicies=2.23.140.1.2.1";

/**
 * A certificate for an address with the sizes of a public one: a P-256 key, two entries of transparency logs, and an
 * authority's P-384 key that is signed by an RSA key of 4096 bits. Returns the paths of chain, key and root.
 */
export async function makeChain(
  folder: string,
  address: string,
): Promise<{ cert: string; key: string; root: string }> {
  const file = (name: string): string => join(folder, name);
  const openssl = async (...args: string[]): Promise<void> => void await succeed("openssl", args);
  const sign = async (name: string, by: string, extensions: string[]): Promise<void> => {
    await Deno.writeTextFile(file(`${name}.ext`), extensions.join("\n"));
    const authority = [
      "-CA",
      file(`${by}.pem`),
      "-CAkey",
      file(`${by}.key`),
      "-set_serial",
      "0x0123456789abcdef01",
    ];
    await openssl(
      "x509",
      "-req",
      "-in",
      file(`${name}.csr`),
      ...authority,
      "-days",
      "9",
      "-extfile",
      file(`${name}.ext`),
      "-out",
      file(`${name}.pem`),
    );
  };
  const subject = (
    name: string,
  ): string[] => ["-subj", `/C=AT/O=Authority for measurements/CN=${name}`, "-nodes"];
  await openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:4096",
    ...subject("Root"),
    "-keyout",
    file("root.key"),
    "-out",
    file("root.pem"),
  );
  for (const [name, curve] of [["between", "secp384r1"], ["leaf", "prime256v1"]] as const) {
    const key = ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`];
    await openssl(
      "req",
      "-new",
      ...key,
      ...subject(name),
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.csr`),
    );
  }
  const where = (name: string): string[] => [
    `authorityInfoAccess=caIssuers;URI:http://${name}.authority.example/`,
    `crlDistributionPoints=URI:http://${name}.crl.authority.example/0.crl`,
    policy,
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
  ];
  await sign("between", "root", [
    "basicConstraints=critical,CA:TRUE,pathlen:0",
    "keyUsage=critical,keyCertSign",
    ...where("r"),
  ]);
  // Two entries, as they come from the logs: 242 bytes.
  const logged = `1.3.6.1.4.1.11129.2.4.2=DER:0481f2${"5a".repeat(242)}`;
  await sign("leaf", "between", [
    `subjectAltName=IP:${address}`,
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth",
    ...where("e"),
    logged,
  ]);
  await Deno.writeTextFile(
    file("chain.pem"),
    await Deno.readTextFile(file("leaf.pem")) + await Deno.readTextFile(file("between.pem")),
  );
  return { cert: file("chain.pem"), key: file("leaf.key"), root: file("root.pem") };
}
