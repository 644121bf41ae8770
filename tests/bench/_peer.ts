import { join } from "node:path";
import { startChild } from "./_child.ts";
import { names } from "./_baselines.ts";
import { loadSubject, type Subject } from "./_subject.ts";

export const peerPackage = "oidc-provider@9.13.3";

const resource = "https://fleet.example/";
/** In memory, and with tokens like ours: a JWT that Ed25519 signed, for one client, by its secret. */
const provider = `
  import Provider from "npm:${peerPackage}";
  import { createServer } from "node:http";
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const key = { ...await crypto.subtle.exportKey("jwk", pair.privateKey), alg: "EdDSA", use: "sig", kid: "1" };
  delete key.key_ops;
  delete key.ext;
  const provider = new Provider("http://127.0.0.1", {
    clients: [{
      client_id: "agent", client_secret: "secret", grant_types: ["client_credentials"], redirect_uris: [],
      response_types: [], token_endpoint_auth_method: "client_secret_post",
    }],
    enabledJWA: { idTokenSigningAlgValues: ["EdDSA"] },
    clientDefaults: { id_token_signed_response_alg: "EdDSA" },
    jwks: { keys: [key] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "", audience: "${resource}", accessTokenFormat: "jwt", accessTokenTTL: 900,
          jwt: { sign: { alg: "EdDSA" } },
        }),
      },
    },
  });
  const server = createServer(provider.callback());
  server.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + server.address().port));
`;

/** A well-known issuer of tokens, beside our handshakes. */
export async function peerSubject(folder: string, opened: AsyncDisposableStack): Promise<Subject> {
  const child = opened.use(await startChild(provider));
  const { host } = new URL(child.url);
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: "agent",
    client_secret: "secret",
    resource,
  }).toString();
  const file = join(folder, "token-request");
  await Deno.writeTextFile(
    file,
    `POST /token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  await assertToken(`${child.url}/token`, body);
  const target = { url: `${child.url}/token`, server: [child.pid], database: [] };
  return loadSubject({ name: names.peer, part: "handshakes", times: 3 }, target, {
    kind: "fixed",
    connections: 32,
    file,
  });
}

async function assertToken(url: string, body: string): Promise<void> {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const text = await (await fetch(url, { method: "POST", headers, body })).text();
  if (!/"access_token":"[\w-]+\.[\w-]+\.[\w-]{86}"/.test(text)) {
    throw new Error(`Cannot measure: oidc-provider answers ${text}`);
  }
}
