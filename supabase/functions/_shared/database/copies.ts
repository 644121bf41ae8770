import { type Act, actArguments, type Agent, readAgent } from "./agents.ts";
import { nothing, orNull, record, text } from "./readers.ts";
import { row } from "./row.ts";

interface CopyAct {
  instanceId: string;
  ownerId: string | null;
  act: Act;
}

export const copies = {
  /** Has a copy get an identity of its own with its next handshake. Null as in `agents.get`. */
  adopt: row("adopt_copy", {
    effect: "creates",
    args: (
      agentId: string,
      { instanceId, ownerLimit, ...by }: CopyAct & { ownerLimit: number | null },
    ) => ({ ...actArguments(agentId, by), instance_id: instanceId, owner_limit: ownerLimit }),
    read: orNull(readAdopted),
  }),
  /** Refuses a copy's beats and handshakes. Null as in `agents.get`. */
  revoke: row("revoke_copy", {
    effect: "changes",
    args: (agentId: string, { instanceId, ...by }: CopyAct) => ({
      ...actArguments(agentId, by),
      instance_id: instanceId,
    }),
    read: orNull(readRevoked),
  }),
  /** The id of the agent that a copy is to become, which from now on has this secret; null when there is none. */
  identify: row("identify_copy", {
    effect: "changes",
    args: (agentId: string, instanceId: string | null, secretDigest: string) => ({
      agent_id: agentId,
      instance_id: instanceId,
      secret_digest: secretDigest,
    }),
    read: orNull(text),
  }),
  /** Tells the agent that this one was a copy of that it has shaken hands. */
  confirm: row("confirm_adoption", {
    effect: "changes",
    args: (agentId: string) => ({ agent_id: agentId }),
    read: nothing,
  }),
  /** Lets the copies of yesterday go. */
  forget: row("forget_copies", { effect: "beats", args: () => ({}), read: nothing }),
};

function readAdopted(reply: unknown): Agent | "unknown_copy" | "unsupported" | "owner_limit" {
  const { refused, agent } = record(reply);
  return refused === "unknown_copy" || refused === "unsupported" || refused === "owner_limit"
    ? refused
    : readAgent(agent);
}

function readRevoked(reply: unknown): Agent | "unknown_copy" {
  const { refused, agent } = record(reply);
  return refused === "unknown_copy" ? refused : readAgent(agent);
}
