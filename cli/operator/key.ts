import type { Environment } from "../host/paths.ts";
import { secretFault } from "../identity/secret.ts";
import { readSecretFile, type SecretKind } from "../identity/secret_file.ts";
import { CliError } from "../terminal/errors.ts";

/** The variables that hold an operator's key, or name its file. There is no flag: a flag would show it in ps. */
const names = { key: "OPENCLAW_OPERATOR_KEY", file: "OPENCLAW_OPERATOR_KEY_FILE" } as const;
const hint = "OPENCLAW_OPERATOR_KEY_FILE=<file>, with a file that this user can read, or - for stdin";
const operatorKey: SecretKind = { noun: "the operator's key", hint, typedHint: hint };

/**
 * The operator's key, or a reader's, that the environment names; null where it names none.
 *
 * @throws {CliError} `usage` when both variables are set or the key is not well-formed, and as readSecretFile does
 */
export async function readNamedKey(
  environment: Environment,
  warn: (text: string) => void,
): Promise<string | null> {
  const key = environment(names.key);
  const file = environment(names.file);
  if (key !== undefined && file !== undefined) {
    throw new CliError("usage", `Cannot tell which key to use: both ${names.file} and ${names.key} are set`, {
      hint: `unset ${names.key}`,
    });
  }
  if (file !== undefined) {
    return checkKey(await readSecretFile(file, warn, operatorKey), `the file of ${names.file}`);
  }
  return key === undefined ? null : checkKey(key, names.key);
}

/**
 * A key without white space around it.
 *
 * @param from where it was found, for the message, which never repeats the key
 * @throws {CliError} `usage` when it is neither a secret API key nor a reader's key
 */
export function checkKey(text: string, from: string): string {
  const key = text.replace(/^\uFEFF/, "").trim();
  const fault = keyFault(key);
  if (fault === null) return key;
  throw new CliError("usage", `Cannot use the key in ${from}: ${fault}`, {
    hint: "take the server's operator-key in its data folder, or a secret API key of the Supabase project",
  });
}

function keyFault(key: string): string | null {
  if (/^sb_secret_[\w-]{20,}$/.test(key)) return null;
  if (key.startsWith("sb_secret_")) {
    return 'after "sb_secret_" it is too short, or has more than letters, digits, "_" and "-": is all of it there?';
  }
  if (key.startsWith("ocr_")) return secretFault(key, "ocr_");
  if (key.startsWith("ocs_")) return "it is an agent's secret, which administers nothing";
  if (key.startsWith("oce_")) return "it is an enrollment code, which administers nothing";
  if (key.startsWith("sb_publishable_")) return "it is a publishable key, which administers nothing";
  return 'it is neither a secret API key ("sb_secret_…") nor a reader\'s key ("ocr_…")';
}
