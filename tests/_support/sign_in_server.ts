import { fakeAgent, serverTime } from "./fake_fleet.ts";
import { agentId } from "./vectors.ts";

/** A request as it came in. */
export interface Asked {
  path: string;
  apikey: string | null;
  authorization: string | null;
  body: Record<string, unknown>;
}

export interface SignInServer extends AsyncDisposable {
  url: string;
  asked: Asked[];
  /** The access tokens that hold now. */
  tokens: Set<string>;
  refreshTokens: Set<string>;
  /** How long a session is good, as it is told. */
  expiresIn: number;
  /** Answers in its place. */
  instead: (asked: Asked) => Promise<Response | null> | Response | null;
  /** Which requests came, as "token password". */
  steps: () => string[];
}

export const user = { email: "you@example.com", password: "correct horse", code: "123456" };
export const publishableKey = "sb_publishable_0123456789abcdef";

/**
 * A stand-in of Supabase's sign-in server, with what its documentation says of these endpoints: password, one-time
 * code, refresh, logout; and one function, which lists an agent to a user whose token holds.
 */
export function startSignInServer(): SignInServer {
  const asked: Asked[] = [];
  const tokens = new Set<string>();
  const refreshTokens = new Set<string>();
  let number = 0;
  const session = (): Response => {
    number += 1;
    const access_token = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln${number}`;
    const refresh_token = `refresh${number}`;
    tokens.add(access_token);
    refreshTokens.add(refresh_token);
    const expires_at = Math.floor(Date.now() / 1000) + one.expiresIn;
    return Response.json({
      access_token,
      token_type: "bearer",
      expires_in: one.expiresIn,
      expires_at,
      refresh_token,
      user: { id: agentId, aud: "authenticated", email: user.email },
    });
  };
  const answer = ({ path, body, apikey, authorization }: Asked): Response => {
    if (path.startsWith("/functions/v1/agents")) {
      return tokens.has(authorization?.replace("Bearer ", "") ?? "") ? listOfOne() : operatorRequired();
    }
    if (apikey !== publishableKey) return Response.json({ message: "Invalid API key" }, { status: 401 });
    if (path === "/auth/v1/token?grant_type=password") {
      return body.email === user.email && body.password === user.password
        ? session()
        : refusal("invalid_credentials");
    }
    if (path === "/auth/v1/otp") {
      return body.email === user.email ? Response.json({}) : refusal("otp_disabled", 422);
    }
    if (path === "/auth/v1/verify") {
      return body.token === user.code && body.type === "email" ? session() : refusal("otp_expired", 403);
    }
    if (path === "/auth/v1/token?grant_type=refresh_token") {
      return refreshTokens.delete(String(body.refresh_token))
        ? session()
        : refusal("refresh_token_already_used");
    }
    if (path === "/auth/v1/logout?scope=local") {
      return tokens.delete(authorization?.replace("Bearer ", "") ?? "")
        ? new Response(null, { status: 204 })
        : refusal("session_not_found", 403);
    }
    return Response.json({ code: 404, error_code: "not_found", msg: "no such page" }, { status: 404 });
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      const caught: Asked = {
        path: `${pathname}${search}`,
        apikey: request.headers.get("apikey"),
        authorization: request.headers.get("authorization"),
        body: text === "" ? {} : JSON.parse(text),
      };
      asked.push(caught);
      return await one.instead(caught) ?? answer(caught);
    },
  );
  const one: SignInServer = {
    url: `http://127.0.0.1:${server.addr.port}`,
    asked,
    tokens,
    refreshTokens,
    expiresIn: 3600,
    instead: () => null,
    steps: () =>
      asked.map(({ path }) =>
        path.replace(/^\/(auth|functions)\/v1\//, "").replace("?grant_type=", " ").replace(/\?.*/, "")
      ),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return one;
}

export function refusal(code: string, status = 400): Response {
  return Response.json({ code: status, error_code: code, msg: `It is ${code}` }, { status });
}

function operatorRequired(): Response {
  const reply = {
    error: "operator_required",
    error_description: "Cannot do this: the token is over",
    request_id: "r",
  };
  return Response.json(reply, { status: 401 });
}

function listOfOne(): Response {
  return Response.json({
    agents: [fakeAgent(1)],
    counts: { online: 1 },
    troubles: { unhealthy: 0, copies: 0 },
    next_cursor: null,
    server_time: serverTime,
  });
}
