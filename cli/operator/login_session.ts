import type { Connection } from "../api/transport.ts";
import { CliError } from "../terminal/errors.ts";
import { findLogin, lockLogins, type Login, replaceLogin } from "./logins.ts";
import { refreshLogin } from "./sign_in.ts";

/** A login as requests use it: renewed in time, and stored each time it was. */
export class LoginSession {
  #login: Login;
  readonly #path: string;
  readonly #connection: Connection;

  constructor(login: Login, { path, connection }: { path: string; connection: Connection }) {
    this.#login = login;
    this.#path = path;
    this.#connection = connection;
  }

  /** The headers of the next request. @throws {CliError} `refused` when the login is not renewed any more */
  async authorize(): Promise<Record<string, string>> {
    if (isDue(this.#login, Date.now())) await this.renew();
    const { accessToken, publishableKey } = this.#login;
    return { authorization: `Bearer ${accessToken}`, apikey: publishableKey };
  }

  /**
   * Gets another access token. A refresh token is good for one time, so one command at a time uses it, and one that
   * had to wait takes what the other has got.
   */
  async renew(): Promise<void> {
    const path = this.#path;
    using _lock = await lockLogins(path);
    const stored = await findLogin(path, this.#login.url);
    if (stored === null) {
      throw new CliError("refused", `Cannot go on at ${this.#login.url}: somebody logged out meanwhile`, {
        hint: `openclaw login --url ${this.#login.url} --publishable-key ${this.#login.publishableKey}`,
      });
    }
    const isOthers = stored.accessToken !== this.#login.accessToken && !isDue(stored, Date.now());
    this.#login = isOthers ? stored : await refreshLogin({ connection: this.#connection }, stored);
    if (!isOthers) await replaceLogin(path, this.#login);
  }
}

/**
 * Whether an access token is about to expire. Only this host's clock is asked, and how far it went: it may be wrong,
 * and one that went back says nothing.
 */
export function isDue(
  { receivedAt, expiresIn }: Pick<Login, "receivedAt" | "expiresIn">,
  now: number,
): boolean {
  const age = (now - receivedAt.getTime()) / 1000;
  return age < 0 || age > expiresIn - Math.min(60, expiresIn / 4);
}
