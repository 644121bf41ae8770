import type { AuthError, Session } from "@supabase/supabase-js";
import type { Connection } from "../api/transport.ts";
import { CliError } from "../terminal/errors.ts";
import { printable } from "../terminal/printable.ts";
import type { Login } from "./logins.ts";

/** A Supabase project, and who is to be logged in there. */
export interface Project {
  connection: Connection;
  publishableKey: string;
}

/** What a request of supabase-js comes to. */
interface Answer {
  data: { session: Session | null };
  error: AuthError | null;
}

const timeoutMs = 15_000;

/** Logs a user in by e-mail and password. @throws {CliError} `refused`, or `unreachable` */
export async function signInWithPassword(
  project: Project,
  { email, password }: { email: string; password: string },
): Promise<Login> {
  const auth = await openAuth(project);
  return loginOf(await auth.signInWithPassword({ email, password }), { project, email, what: "log in" });
}

/** Has the project mail a one-time code to a user that it knows. */
export async function sendCode(project: Project, email: string): Promise<void> {
  const auth = await openAuth(project);
  const { error } = await auth.signInWithOtp({ email, options: { shouldCreateUser: false } });
  if (error !== null) throw failureOf(error, "send a code", project);
}

/** Logs a user in by the code that was mailed. */
export async function signInWithCode(
  project: Project,
  { email, code }: { email: string; code: string },
): Promise<Login> {
  const auth = await openAuth(project);
  const answer = await auth.verifyOtp({ email, token: code, type: "email" });
  return loginOf(answer, { project, email, what: "log in" });
}

/** A new access token for an old refresh token, which is good for this one time. */
export async function refreshLogin({ connection }: { connection: Connection }, login: Login): Promise<Login> {
  const project = { connection, publishableKey: login.publishableKey };
  const auth = await openAuth(project);
  const answer = await auth.refreshSession({ refresh_token: login.refreshToken });
  return loginOf(answer, { project, email: login.email, what: "renew the login" });
}

/** Ends the session on the project's side. */
export async function signOut({ connection }: { connection: Connection }, login: Login): Promise<void> {
  const project = { connection, publishableKey: login.publishableKey };
  const { admin } = await openAuth(project);
  const { error } = await admin.signOut(login.accessToken, "local");
  if (error !== null) throw failureOf(error, "end the session", project);
}

/** supabase-js, which is loaded for this only. It keeps nothing, and does nothing by itself. */
async function openAuth({ connection, publishableKey }: Project) {
  const { createClient } = await import("@supabase/supabase-js");
  const { auth } = createClient(connection.url, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: fetchOver(connection) },
  });
  return auth;
}

/**
 * Requests by this program's own rules. After one that failed there is none any more: supabase-js would try again for
 * half a minute, and a try that is answered after all would spend the refresh token when nobody waits for it.
 */
function fetchOver({ pool }: Connection): typeof fetch {
  let failure: Error | null = null;
  return async (input, init) => {
    if (failure !== null) throw failure;
    try {
      const response = await fetch(input, {
        ...init,
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
        ...(pool === undefined ? {} : { client: pool.client }),
      });
      if (response.status >= 500) failure = new Error(`it answered with HTTP ${response.status}`);
      return response;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
  };
}

function loginOf(
  { data: { session }, error }: Answer,
  { project, email, what }: { project: Project; email: string; what: string },
): Login {
  if (error !== null) throw failureOf(error, what, project);
  if (session === null) {
    throw new CliError("refused", `Cannot ${what}: the project gave no session`, {
      hint: "confirm the e-mail first",
    });
  }
  const { access_token, refresh_token, expires_in } = session;
  return {
    url: project.connection.url,
    publishableKey: project.publishableKey,
    email,
    accessToken: access_token,
    refreshToken: refresh_token,
    receivedAt: new Date(),
    expiresIn: expires_in,
  };
}

/** By the status, and not by the library's classes: what no reply came of has 0, or none. */
function failureOf(
  { status = 0, message, code }: AuthError,
  what: string,
  { connection }: Project,
): CliError {
  const { url } = connection;
  if (status === 0 || status >= 500) {
    return new CliError(
      "unreachable",
      `Cannot ${what}: ${url} does not answer as it should: ${printable(message)}`,
      {
        hint: `curl ${url}/auth/v1/health`,
      },
    );
  }
  if (status === 429) {
    return new CliError(
      "unreachable",
      `Cannot ${what}: ${url} has been asked too often: ${printable(message)}`,
      {
        hint: "wait a minute, and try again",
      },
    );
  }
  if (code === undefined && (status === 404 || status === 405 || (status >= 300 && status < 400))) {
    return new CliError("usage", `Cannot ${what}: ${url} has no users, it is not a Supabase project`, {
      hint: "OPENCLAW_OPERATOR_KEY_FILE=<the server's data folder>/operator-key openclaw fleet",
    });
  }
  return new CliError("refused", `Cannot ${what}: ${url} refuses it: ${printable(message)}`, {
    hint: `openclaw login --url ${url} --publishable-key <key>`,
  });
}
