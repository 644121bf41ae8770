import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { base64url } from "jose";

/** Who looks at the page. */
export interface Viewer {
  role: "operator" | "reader";
  /** Whose rows are seen; null for all. */
  ownerId: string | null;
  /** The headers of a request with the viewer's credential. */
  authorize: () => Promise<Readonly<Record<string, string>>>;
  /** @throws {ContractError} when the credential does not hold any more, or nobody can tell */
  check: () => Promise<void>;
}

/** What a login has bought. The cookie has its id, the document its token, and neither of them the credential. */
export interface Session {
  readonly id: string;
  /** A page of another origin cannot know it. */
  readonly token: string;
  readonly viewer: Viewer;
  /** When it has ended. */
  readonly ended: AbortSignal;
}

interface Kept extends Session {
  openedAt: number;
  usedAt: number;
  end: () => void;
}

interface SessionsOptions {
  /** A part of the cookie's name: cookies of one host are common to all of its ports. */
  port: number;
  now: () => Date;
  randomBytes: (length: number) => Uint8Array;
}

const idleMs = 12 * 3_600_000;
const longestMs = 7 * 24 * 3_600_000;
const mostSessions = 1000;

/** The sessions of one server. They are in its memory, and end with it. */
export class Sessions {
  readonly cookieName: string;
  readonly #options: SessionsOptions;
  /** The one that was used the longest ago comes first. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.cookieName = `openclaw-${options.port}`;
  }

  /** Opens a session. When there are too many, the one that was used the longest ago ends. */
  open(viewer: Viewer): Session {
    const now = this.#options.now().getTime();
    const ended = new AbortController();
    const session: Kept = {
      id: this.#random(),
      token: this.#random(),
      viewer,
      ended: ended.signal,
      openedAt: now,
      usedAt: now,
      end: () => ended.abort(),
    };
    this.#kept.set(session.id, session);
    if (this.#kept.size > mostSessions) {
      for (const oldest of this.#kept.values()) return this.#replace(oldest, session);
    }
    return session;
  }

  /** The session of a request's `Cookie`, which it uses; null where it has none that goes on. */
  use(cookie: string | null): Session | null {
    for (const id of this.#idsIn(cookie ?? "")) {
      const session = this.#kept.get(id);
      if (session === undefined || !this.isGoingOn(session)) continue;
      session.usedAt = this.#options.now().getTime();
      this.#kept.delete(id);
      this.#kept.set(id, session);
      return session;
    }
    return null;
  }

  /** Whether a session has neither ended nor been left alone for too long; then it ends now. */
  isGoingOn({ id }: Session): boolean {
    const session = this.#kept.get(id);
    if (session === undefined) return false;
    const now = this.#options.now().getTime();
    if (now - session.usedAt <= idleMs && now - session.openedAt <= longestMs) return true;
    this.end(session);
    return false;
  }

  end({ id }: Session): void {
    this.#kept.get(id)?.end();
    this.#kept.delete(id);
  }

  endAll(): void {
    for (const session of this.#kept.values()) this.end(session);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The cookie that a browser keeps of a session, or, without one, that makes it forget. */
  cookieOf(session: Session | null, { isSecure }: { isSecure: boolean }): string {
    const value = session?.id ?? "";
    const age = session === null ? 0 : longestMs / 1000;
    const secure = isSecure ? "; Secure" : "";
    return `${this.cookieName}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure}`;
  }

  #replace(oldest: Session, session: Session): Session {
    this.end(oldest);
    return session;
  }

  /** Every value of our cookie: of several, a browser does not tell which is whose. */
  #idsIn(cookie: string): string[] {
    return cookie.split(/[;,] */).flatMap((pair) => {
      const [name, value = ""] = pair.trim().split("=", 2);
      return name === this.cookieName ? [value] : [];
    });
  }

  #random(): string {
    return base64url.encode(this.#options.randomBytes(32));
  }
}

/** Whether a token that was sent is the session's, in a time that does not tell where they differ. */
export function isTokenOf(session: Session, given: string | null): boolean {
  const wanted = Buffer.from(session.token);
  const sent = Buffer.from(given ?? "");
  return sent.length === wanted.length && timingSafeEqual(sent, wanted);
}
