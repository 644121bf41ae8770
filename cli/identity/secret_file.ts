import { CliError } from "../terminal/errors.ts";
import { exposureOf } from "../host/private_file.ts";

/** What a secret in a file is called, and what else can be done where it cannot be read. */
export interface SecretKind {
  noun: string;
  hint: string;
  /** Where stdin is a terminal, which would show it. */
  typedHint: string;
}

const agentSecret: SecretKind = {
  noun: "the agent secret",
  hint: "--agent-secret-file <file>, with a file that this user can read, or - for stdin",
  typedHint: "openclaw configure, which asks for it and does not show it",
};
const maxLength = 4096;
const texts = new Map<string, Promise<string>>();

/**
 * The text of a file with a secret; `-` is stdin. Such a file was made by another tool: one that others can read is
 * used, with a warning. Stdin and pipes are read once, and give the same text when they are asked again.
 *
 * @throws {CliError} `notFound` when there is no such file, `refused` when it cannot be read, `usage` for a terminal
 */
export async function readSecretFile(
  path: string,
  warn: (text: string) => void,
  kind: SecretKind = agentSecret,
): Promise<string> {
  try {
    if (path === "-" || !(await Deno.stat(path)).isFile) return await readOnce(path, kind);
    const file = await Deno.open(path);
    const open = await exposureOf(path, await file.stat());
    if (open !== null) warn(`the secret's file "${path}" is open to others: ${open.fault}; ${open.mend}`);
    return await readAll(file.readable);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    throw new CliError(
      missing ? "notFound" : "refused",
      `Cannot read ${kind.noun} from "${path}": ${missing ? "there is no such file" : error.message}`,
      { hint: kind.hint, cause: error },
    );
  }
}

/** Whether reading the file has to wait for a program at the other end of a pipe. */
export async function isPipe(path: string): Promise<boolean> {
  try {
    return path !== "-" && !(await Deno.stat(path)).isFile;
  } catch (error) {
    // Reading the file will tell what is wrong with it.
    if (error instanceof Error) return false;
    throw error;
  }
}

function readOnce(path: string, kind: SecretKind): Promise<string> {
  const text = texts.get(path) ?? (path === "-" ? readStdin(kind) : readPipe(path));
  texts.set(path, text);
  return text;
}

async function readStdin({ noun, typedHint }: SecretKind): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await readAll(Deno.stdin.readable);
  throw new CliError(
    "usage",
    `Cannot read ${noun} from stdin: it is a terminal, which would show it`,
    { hint: typedHint },
  );
}

async function readPipe(path: string): Promise<string> {
  return await readAll((await Deno.open(path)).readable);
}

/** No more than a secret could need: the file that is named may have no end. */
async function readAll(bytes: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxLength) break;
  }
  return text;
}
