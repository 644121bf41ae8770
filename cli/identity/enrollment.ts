import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import type { Environment, Places } from "../host/paths.ts";
import { readPrivateFile, removeFile, writePrivateFile } from "../host/private_file.ts";
import { CliError } from "../terminal/errors.ts";
import { secretFault } from "./secret.ts";
import { readSecretFile, type SecretKind } from "./secret_file.ts";

const hint = "openclaw enroll --url https://fleet.example.com --code-file <file>, - for stdin";
const kind: SecretKind = {
  noun: "the enrollment code",
  hint,
  typedHint: "--code-file <file>, or a pipe",
};

/**
 * The enrollment code that a flag or the environment names; null where neither does.
 *
 * @throws {CliError} `usage` when it is not one, or two are named; and as readSecretFile does
 */
export async function readCode(
  codeFile: string | undefined,
  environment: Environment,
  warn: (text: string) => void,
): Promise<string | null> {
  const text = await readNamedCode(codeFile, environment, warn);
  if (text === null) return null;
  const code = text.trim();
  const fault = secretFault(code, "oce_");
  if (fault === null) return code;
  throw new CliError("usage", `Cannot use the enrollment code: ${fault}`, {
    hint: "openclaw-server enrollments create makes one, and prints it whole",
  });
}

async function readNamedCode(
  codeFile: string | undefined,
  environment: Environment,
  warn: (text: string) => void,
): Promise<string | null> {
  if (codeFile !== undefined) return await readSecretFile(codeFile, warn, kind);
  const code = environment("OPENCLAW_ENROLLMENT_CODE");
  const file = environment("OPENCLAW_ENROLLMENT_CODE_FILE");
  if (file === undefined) return code ?? null;
  if (code === undefined) return await readSecretFile(file, warn, kind);
  throw new CliError(
    "usage",
    "Cannot tell which code to use: both OPENCLAW_ENROLLMENT_CODE_FILE and OPENCLAW_ENROLLMENT_CODE are given",
    { hint: "unset OPENCLAW_ENROLLMENT_CODE" },
  );
}

/** Whether the environment names an enrollment code. */
export function namesCode(environment: Environment): boolean {
  return environment("OPENCLAW_ENROLLMENT_CODE") !== undefined ||
    environment("OPENCLAW_ENROLLMENT_CODE_FILE") !== undefined;
}

/** Where the id of an enrollment is kept from before the code is used until the first handshake was accepted. */
export function enrollmentIdPath({ credentials }: Pick<Places, "credentials">): string {
  return join(dirname(credentials), "enrollment-id");
}

/**
 * The id by which the server knows this host again when it asks a second time with the same code: 32 random bytes, which
 * are on the disk before this returns. One that others could read is not used again.
 */
export async function keepEnrollmentId(places: Pick<Places, "credentials">): Promise<string> {
  const path = enrollmentIdPath(places);
  const found = await readPrivateFile(path);
  const kept = found !== null && "text" in found ? found.text.trim() : "";
  if (/^[\w-]{43}$/.test(kept)) return kept;
  const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  await writePrivateFile(path, `${fresh}\n`);
  return fresh;
}

/** Never fails: what stays is used by nobody. */
export async function forgetEnrollmentId(places: Pick<Places, "credentials">): Promise<void> {
  try {
    await removeFile(enrollmentIdPath(places));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
