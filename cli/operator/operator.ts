import type { OperatorConnection } from "../api/operator/ask.ts";
import { parseUrl } from "../api/url.ts";
import type { Environment } from "../host/paths.ts";
import { type ConnectionFlags, connectTo, defaultUrl, type NamedUrl, namedUrl } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { readNamedKey } from "./key.ts";
import { LoginSession } from "./login_session.ts";
import { findLogin, loginsPath, readLogins } from "./logins.ts";
import { keyOfServerHere, urlOfServerHere } from "./server_folder.ts";

/** One who administers agents, or only reads: the way to the server, and where the credential was found. */
export interface Operator extends OperatorConnection {
  credential: "environment" | "login" | "data folder";
  /** The credential is a reader's key, which may change nothing. */
  isReader: boolean;
}

interface Surroundings {
  environment: Environment;
  /** The working folder, where it is not the process's own. */
  here?: string;
  warn: (text: string) => void;
}

/**
 * The operator: the key that the environment names, else the login at this server, else the key in the data folder of
 * a server that was started here. The server: `--url`, `OPENCLAW_URL`, the one that was started here, the one of the
 * last login (for that login only), the default. A key that was made by one server is never sent to another.
 *
 * @throws {CliError} `usage` when there is no credential for that server; what readNamedKey, urlOfServerHere and
 * keyOfServerHere throw
 */
export async function openOperator(flags: ConnectionFlags, around: Surroundings): Promise<Operator> {
  const { environment, warn, here } = around;
  const key = await readNamedKey(environment, warn);
  const path = loginsPath(environment);
  const named = namedUrl(flags, environment) ?? await foundUrl(key === null ? path : null, here);
  const connection = await connectTo(named, flags, environment);
  if (key !== null) {
    return {
      ...connection,
      credential: "environment",
      isReader: key.startsWith("ocr_"),
      authorize: sending(key),
    };
  }
  const login = await findLogin(path, connection.url);
  if (login !== null) {
    const session = new LoginSession(login, { path, connection });
    const authorize = (): Promise<Record<string, string>> => session.authorize();
    return { ...connection, credential: "login", isReader: false, authorize, renew: () => session.renew() };
  }
  const found = await keyFor(connection.url, here);
  if (found !== null) {
    return { ...connection, credential: "data folder", isReader: false, authorize: sending(found) };
  }
  throw new CliError(
    "usage",
    `Cannot tell who you are at ${connection.url}: there is no key in the environment, no login, and no data folder ` +
      "of that server here",
    {
      hint:
        `OPENCLAW_OPERATOR_KEY_FILE=<the server's data folder>/operator-key openclaw fleet --url ${connection.url}`,
    },
  );
}

/** @param logins where the logins are; null where another credential is used, which is no project's of theirs */
async function foundUrl(logins: string | null, here?: string): Promise<NamedUrl> {
  const url = await urlOfServerHere(here);
  if (url !== null) return { url, from: "openclaw-data/url" };
  const [last] = logins === null ? [] : await readLogins(logins);
  return last === undefined
    ? { url: defaultUrl, from: "the default" }
    : { url: last.url, from: "the last login" };
}

/** The key of the server that was started here, if it is this one. */
async function keyFor(url: string, here?: string): Promise<string | null> {
  const own = await urlOfServerHere(here);
  const isHere = own !== null && parseUrl(own, { insecureHttp: true, from: "openclaw-data/url" }) === url;
  return isHere ? await keyOfServerHere(here) : null;
}

function sending(key: string): OperatorConnection["authorize"] {
  return () => Promise.resolve({ apikey: key });
}
