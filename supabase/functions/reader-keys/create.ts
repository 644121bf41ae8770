import type { Backend } from "../_shared/backend.ts";
import { readJson } from "../_shared/http/body.ts";
import { createdReply } from "../_shared/http/created.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseName } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, operatorRequired, scopeOf } from "../_shared/operator.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";

type Deps =
  & Pick<Backend, "database" | "operators" | "refusals" | "agentLimitPerOwner" | "randomBytes" | "log">
  & Exchange;

/** Makes a key that reads what its maker sees, and shows it, here and never again: the database keeps a digest. */
export async function createReaderKey(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const { name } = await readJson(request);
  const key = makeSecret(deps.randomBytes(32), "ocr_");
  const act = actOf(operator, deps.address);
  const created = await deps.database.readerKeys.create({
    name: parseName(name, "name"),
    ownerId: scopeOf(operator),
    ownerLimit: operator.kind === "user" ? deps.agentLimitPerOwner : null,
    keyDigest: digestSecret(key),
    act,
  });
  if (created === "owner_unknown") throw operatorRequired("its user no longer exists");
  if (created === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot create another reader's key: an owner has at most ${deps.agentLimitPerOwner}, revoke one`,
    );
  }
  deps.log.line("info", "reader key created", {
    reader_key_id: created.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return createdReply({ id: created.id, name: created.name, key });
}
