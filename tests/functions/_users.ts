import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import type { Backend } from "../../supabase/functions/_shared/backend.ts";
import { supabaseOperators } from "../../supabase/functions/_shared/operator.ts";
import { operatorKey } from "../_support/backend.ts";

export const userId = "6f0f6f0e-3a52-4d7e-8c0e-0d7a9f5b1c22";
export const strangerId = "11111111-1111-4111-8111-111111111111";

/** Who issues users' tokens, as Supabase's Auth does. */
export interface UserIssuer {
  jwks: JSONWebKeySet;
  /** A user's access token, but for the changes; `undefined` leaves a claim out. By the real clock. */
  token: (changes?: Record<string, unknown>) => Promise<string>;
}

export async function makeUserIssuer(kid = "users-1"): Promise<UserIssuer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" }] };
  const token = async (changes: Record<string, unknown> = {}): Promise<string> => {
    const moment = Math.floor(Date.now() / 1000);
    const claims = {
      iss: "https://fleet.example/auth/v1",
      aud: "authenticated",
      role: "authenticated",
      sub: userId,
      iat: moment,
      exp: moment + 3600,
      is_anonymous: false,
    };
    return await new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: "ES256", kid }).sign(
      privateKey,
    );
  };
  return { jwks, token };
}

/** One issuer for all tests. */
export const users: Promise<UserIssuer> = makeUserIssuer();

/** Operators that know the test's secret key and the issuer's users. */
export async function operatorsWithUsers(): Promise<Backend["operators"]> {
  const { jwks } = await users;
  return supabaseOperators({
    url: "https://fleet.example",
    secretKeys: { default: operatorKey },
    userKeys: () => Promise.resolve(jwks),
  });
}

export async function userAuthorization(
  changes: Record<string, unknown> = {},
): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await (await users).token(changes)}` };
}
