import {
  asContractError,
  ContractError,
  errorReply,
  statusOf,
} from "../../supabase/functions/_shared/http/errors.ts";
import { describe, type Log } from "../../supabase/functions/_shared/log.ts";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";
import type { Meter } from "../../supabase/functions/_shared/meter.ts";
import { type Front, front as usualFront } from "./front.ts";
import { EventStream } from "./event_stream.ts";
import { Feeds } from "./feeds.ts";
import { LookRefused } from "./fleet_look.ts";
import { Origins } from "./origins.ts";
import { Asset, compressed, htmlReply, type PageReply, secured, textReply } from "./replies.ts";
import { isTokenOf, type Session, Sessions } from "./sessions.ts";
import { readState } from "./read_state.ts";
import type { Upstream } from "./upstream.ts";
import type { PageRequest, Visit } from "./visit.ts";

interface DashboardOptions {
  upstream: Upstream;
  /** The address that its server listens on. */
  url: string;
  /** What the server is called by others; null where that is no other address. */
  publicUrl: string | null;
  /** What agents call the server that the page is about. */
  servedUrl: string;
  version: string;
  /** Null where nobody counts. */
  log: Pick<Log, "count" | "line"> | null;
  meter: Meter | null;
  now: () => Date;
  randomBytes: (length: number) => Uint8Array;
  front?: Front;
}

type Answer = (visit: Visit) => Promise<PageReply> | PageReply;

/** What of the API the page asks for. */
const api =
  /^\/page\/api\/((?:agents|channels|create-agent|enrollments|events|health|incidents|install|metrics|notify|reader-keys)(?:\/[\w-]+)*)$/;
const name = "(page)";

/** The page's server: it knows who looks, and asks the API in their name. */
export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #origins: Origins;
  readonly #sessions: Sessions;
  readonly #feeds: Feeds;
  readonly #front: Front;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #paths: ReadonlyMap<string, Readonly<Record<string, Answer>>>;

  constructor(options: DashboardOptions) {
    const { url, publicUrl, front = usualFront, ...rest } = options;
    this.#options = options;
    this.#origins = new Origins({ url, publicUrl });
    this.#sessions = new Sessions({ port: Number(new URL(url).port), ...rest });
    this.#feeds = new Feeds({
      ...rest,
      clock: () => performance.now(),
      isGoingOn: (session) => this.#check(session),
      every(milliseconds, callback) {
        const timer = setInterval(callback, milliseconds);
        return () => clearInterval(timer);
      },
      report: (error) => options.log?.line("error", "internal", { path: name, cause: describe(error) }),
    });
    this.#front = front;
    this.#assets = new Map(Object.entries(front.assets).map(([name, asset]) => [name, new Asset(asset)]));
    this.#paths = new Map<string, Readonly<Record<string, Answer>>>([
      ["/", { GET: (visit) => this.#showPage(visit) }],
      ["/page/login", { POST: (visit) => this.#logIn(visit) }],
      ["/page/stream", { GET: (visit) => this.#stream(visit) }],
      ["/page/logout", { POST: (visit) => this.#logOut(visit) }],
    ]);
  }

  /** Whether a request is for the page, and not for the API. */
  takes({ pathname, headers }: Pick<PageRequest, "pathname" | "headers">): boolean {
    if (pathname === "/") return /\btext\/html\b/i.test(headers.get("accept") ?? "");
    return pathname === "/page" || pathname.startsWith("/page/");
  }

  /** Replies to a request of the page. */
  async respond(request: PageRequest, socketAddress: string): Promise<PageReply> {
    const startedAt = performance.now();
    const requestId = crypto.randomUUID();
    const reply = await this.#replyTo({ request, socketAddress }, requestId);
    this.#options.meter?.observe(name, reply.status, (performance.now() - startedAt) / 1000);
    return secured({ ...reply, headers: { ...reply.headers, "x-request-id": requestId } });
  }

  /** Ends all sessions, and what goes on for them. */
  stop(): void {
    this.#sessions.endAll();
    this.#feeds.stop();
  }

  async #replyTo(visit: Visit, requestId: string): Promise<PageReply> {
    const { log } = this.#options;
    const { method, headers } = visit.request;
    try {
      const reply = await this.#dispatch(visit);
      log?.count(name, reply.status, requestId);
      if ("stream" in reply) return reply;
      if (method === "HEAD") return { ...reply, body: null };
      return await compressed(reply, headers.get("accept-encoding"));
    } catch (thrown) {
      const error = asContractError(thrown);
      const status = statusOf(error.code);
      if (status < 500) log?.count(name, status, requestId);
      else {
        const cause = describe(error.cause ?? error);
        log?.line("error", error.code, { path: name, request_id: requestId, cause });
      }
      return errorReply(error, requestId);
    }
  }

  async #dispatch(visit: Visit): Promise<PageReply> {
    const { pathname, headers } = visit.request;
    if (!this.#origins.isOwnHost(headers.get("host"))) {
      return textReply(
        "This server is not called so: name it with --public-url, or open it by its address",
        421,
      );
    }
    const path = this.#paths.get(pathname);
    if (path !== undefined) return await methodOf(path, visit.request.method)(visit);
    const [, asked] = api.exec(pathname) ?? [];
    if (asked !== undefined) return await this.#askApi(visit, asked);
    const asset = this.#assets.get(pathname.replace(/^\/page\/assets\//, ""));
    if (asset === undefined) {
      throw new ContractError("not_found", "Cannot find the resource: there is no such path");
    }
    const show: Answer = () => asset.reply(headers.get("accept-encoding"));
    return await methodOf({ GET: show }, visit.request.method)(visit);
  }

  async #showPage(visit: Visit): Promise<Reply> {
    const session = this.#sessionOf(visit);
    if (session === null) return this.#loginPage(null);
    const { upstream } = this.#options;
    try {
      const state = await readState(upstream, session, { ...visit, ...this.#options });
      return htmlReply(this.#front.renderPage(state));
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      if (error.code === "unavailable") return textReply(error.message, 503, { "retry-after": "5" });
      if (error.code !== "operator_required") throw error;
      this.#sessions.end(session);
      return this.#loginPage("The key that you logged in with is not valid any more", 401);
    }
  }

  async #logIn(visit: Visit): Promise<Reply> {
    const { upstream } = this.#options;
    const { headers } = visit.request;
    this.#assertOwnOrigin(visit);
    const given = (await readForm(visit.request)).get(upstream.asks)?.trim() ?? "";
    try {
      const viewer = await upstream.admit(given, { headers, socketAddress: visit.socketAddress });
      const before = this.#sessionOf(visit);
      if (before !== null) this.#sessions.end(before);
      return this.#seeOther(this.#sessions.open(viewer), visit);
    } catch (error) {
      if (!(error instanceof ContractError) || error.code === "internal") throw error;
      const { retryAfterSeconds: seconds } = error;
      const page = this.#loginPage(refusalOf(error, upstream.asks), statusOf(error.code));
      return seconds === undefined
        ? page
        : { ...page, headers: { ...page.headers, "retry-after": `${seconds}` } };
    }
  }

  async #logOut(visit: Visit): Promise<Reply> {
    const session = this.#sessionOf(visit);
    if (session !== null) {
      this.#assertMayChange(session, visit, (await readForm(visit.request)).get("token"));
      this.#sessions.end(session);
    }
    return this.#seeOther(null, visit);
  }

  async #askApi(visit: Visit, path: string): Promise<Reply> {
    const { request, socketAddress } = visit;
    const session = this.#requireSession(visit);
    const isChange = request.method !== "GET" && request.method !== "HEAD";
    if (isChange) this.#assertMayChange(session, visit, request.headers.get("x-page-token"));
    const { method, query, headers } = request;
    const reply = await this.#options.upstream.ask(session.viewer, {
      method,
      query,
      headers,
      path,
      socketAddress,
      text: () => request.text(),
    });
    if (reply.status === 401) this.#sessions.end(session);
    return { ...reply, headers: passedOn(reply.headers) };
  }

  async #stream(visit: Visit): Promise<PageReply> {
    const { headers, query, method } = visit.request;
    const session = this.#requireSession(visit);
    const accepted = headers.get("accept-encoding");
    const head = { status: 200, headers: EventStream.headers(accepted) };
    if (method === "HEAD") return { ...head, body: null };
    const lastEventId = headers.get("last-event-id");
    try {
      const isHidden = query.has("hidden");
      const stream = await this.#feeds.watch({
        session,
        query: mapQuery(query),
        accepted,
        lastEventId,
        isHidden,
      });
      return { ...head, stream };
    } catch (error) {
      if (!(error instanceof LookRefused)) throw error;
      if (error.reply.status === 401) this.#sessions.end(session);
      return { ...error.reply, headers: passedOn(error.reply.headers) };
    }
  }

  /** Whether a session goes on. One whose credential does not hold any more ends. */
  async #check(session: Session): Promise<boolean> {
    if (!this.#sessions.isGoingOn(session)) return false;
    try {
      await session.viewer.check();
      return true;
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      if (error.code === "unavailable" || error.code === "internal") return true;
      this.#sessions.end(session);
      return false;
    }
  }

  /** The session of a request. */
  #sessionOf({ request }: Visit): Session | null {
    return this.#sessions.use(request.headers.get("cookie"));
  }

  #requireSession(visit: Visit): Session {
    const session = this.#sessionOf(visit);
    if (session !== null) return session;
    throw new ContractError(
      "operator_required",
      "Cannot answer: nobody is logged in, or the session has ended",
    );
  }

  #assertOwnOrigin({ request: { headers } }: Visit): void {
    if (this.#origins.isOwnOrigin(headers.get("origin"), headers.get("host"))) return;
    throw new ContractError(
      "forbidden",
      "Cannot do this: the request does not come from a page of this server",
    );
  }

  #assertMayChange(session: Session, visit: Visit, token: string | null): void {
    this.#assertOwnOrigin(visit);
    if (isTokenOf(session, token)) return;
    throw new ContractError(
      "forbidden",
      "Cannot do this: the request has not the session's token in x-page-token",
    );
  }

  #loginPage(refusal: string | null, status = 200): Reply {
    const { upstream: { asks }, version } = this.#options;
    return htmlReply(this.#front.renderLogin({ asks, refusal, version }), status);
  }

  /** Back to the page, with a session's cookie, or without one. The browser says whether it came by https. */
  #seeOther(session: Session | null, { request: { headers } }: Visit): Reply {
    const isSecure = headers.get("origin")?.startsWith("https:") ?? false;
    const cookie = this.#sessions.cookieOf(session, { isSecure });
    return { status: 303, headers: { location: "/", "set-cookie": cookie }, body: null };
  }
}

/** What of the API's headers means something to the page. */
const passed = ["content-type", "retry-after", "allow"];

function passedOn(headers: Reply["headers"]): Reply["headers"] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => passed.includes(name)));
}

/** What the map's route reads of a query, so that those who ask for the same share a feed. */
function mapQuery(query: Readonly<URLSearchParams>): URLSearchParams {
  const read = ["group", "label", "liveness", "q"];
  return new URLSearchParams(read.flatMap((name) => query.getAll(name).sort().map((value) => [name, value])));
}

function methodOf(path: Readonly<Record<string, Answer>>, method: string): Answer {
  const answer = path[method === "HEAD" ? "GET" : method];
  if (answer !== undefined) return answer;
  const allow = Object.keys(path).join(", ");
  throw new ContractError("method_not_allowed", `Cannot handle ${method}: this resource allows ${allow}`, {
    allow,
  });
}

async function readForm(request: PageRequest): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw new ContractError(
      "invalid_request",
      "Cannot read the form: expected application/x-www-form-urlencoded",
    );
  }
  return new URLSearchParams(await request.text());
}

function refusalOf({ code, message }: ContractError, asks: "key" | "code"): string {
  if (code !== "operator_required") return message;
  return asks === "key"
    ? "This key is not valid: expected the operator's key or a reader's key of this server"
    : "This code is not valid any more: it is good once, and for two minutes";
}
