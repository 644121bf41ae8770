import type { Backend } from "../_shared/backend.ts";
import { readOptionalJson } from "../_shared/http/body.ts";
import { type Fields, parseChoice, parseUuid, parseWholeNumber } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { installerUrl, makeInstaller, type Shell, shells } from "../_shared/installer/installer.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";
import { agentReply } from "./_reply.ts";

type Deps =
  & Pick<Backend, "database" | "operators" | "refusals" | "issuer" | "randomBytes" | "log">
  & Exchange;

/**
 * Gives an agent a new secret and shows it, here and never again. The one before it is good for the overlap; without
 * one, it and all sessions end. A revoked agent gets a secret, too, and stays revoked.
 */
export async function rotateSecret(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const { overlapSeconds, shell } = parseRotation(await readOptionalJson(request));
  // Before the secret is kept: if this failed after that, it would be lost.
  const url = shell === null ? null : installerUrl(deps.issuer);
  const secret = makeSecret(deps.randomBytes(32));
  const act = actOf(operator, deps.address);
  const agent = await deps.database.secrets.rotate(id, {
    secretDigest: digestSecret(secret),
    overlapSeconds,
    ownerId: scopeOf(operator),
    act,
  });
  if (agent === null) return agentReply(agent);
  deps.log.line("info", "secret rotated", {
    agent_id: agent.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  const reply = { agent, agent_secret: secret };
  if (shell === null || url === null) return jsonReply(reply);
  return jsonReply({
    ...reply,
    installer: makeInstaller(shell, { url, agent: { id: agent.id, secret } }),
  });
}

function parseRotation({ overlap_seconds = 3600, installer }: Fields) {
  return {
    overlapSeconds: parseWholeNumber(overlap_seconds, "overlap_seconds", { from: 0, to: 604_800 }),
    shell: installer === undefined ? null : parseChoice<Shell>(installer, "installer", shells),
  };
}
