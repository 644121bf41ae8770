import type { Agent } from "../api/operator/agents.ts";
import type { Incident } from "../api/operator/incidents.ts";
import { isMuted } from "./state.ts";

/** Something that an operator can do about an agent or an incident. */
export interface Choice {
  act:
    | "acknowledge"
    | "mute"
    | "unmute"
    | "revoke"
    | "restore"
    | "end-sessions"
    | "request-rotation"
    | "adopt"
    | "revoke-copy";
  title: string;
  /** What was done, before the name of what it was done to. */
  done: string;
  /** What it will do, in sentences, which are said before it is done. */
  will: string;
  /** The copy that it is about. */
  instanceId?: string;
}

/** What can be done about an agent now. @param now the server's clock, in milliseconds */
export function choicesFor(agent: Agent, now: number): Choice[] {
  const isRevoked = agent.revoked_at !== null;
  return [
    ...isRevoked ? [] : agent.copies.flatMap(choicesForCopy),
    isMuted(agent, now) ? unmute : mute,
    ...isRevoked ? [] : [endSessions],
    ...!isRevoked && agent.rotation === "none" ? [requestRotation] : [],
    isRevoked ? restore : revoke,
  ];
}

/** What can be done about an incident. */
export function choicesForIncident({ closed_at, acknowledged_at }: Incident): Choice[] {
  return closed_at === null && acknowledged_at === null ? [acknowledge] : [];
}

const acknowledge: Choice = {
  act: "acknowledge",
  title: "acknowledge",
  done: "acknowledged",
  will: "Its reminders end. It stays open until its agents have recovered.",
};
const mute: Choice = {
  act: "mute",
  title: "mute until …",
  done: "muted",
  will: "It is watched as before, and opens no incident until then.",
};
const unmute: Choice = { act: "unmute", title: "unmute", done: "unmuted", will: "It opens incidents again." };
const endSessions: Choice = {
  act: "end-sessions",
  title: "end its sessions",
  done: "ended the sessions of",
  will: "Its next beat is refused, and it shakes hands again with its secret.",
};
const requestRotation: Choice = {
  act: "request-rotation",
  title: "have it rotate its secret",
  done: "asked for a rotation of",
  will: "It makes itself a new secret with its next beats. Nobody is shown it.",
};
const revoke: Choice = {
  act: "revoke",
  title: "revoke",
  done: "revoked",
  will: "Its sessions end with its next beat, and its handshakes are refused. It can be restored.",
};
const restore: Choice = {
  act: "restore",
  title: "restore",
  done: "restored",
  will: "It may shake hands again, with the secret that it has. It asks again by itself within 72 minutes.",
};

function choicesForCopy({ instance_id, hostname, address }: Agent["copies"][number]): Choice[] {
  // What the host calls itself comes last: it might turn around what stands behind it.
  const place = `at ${address ?? "an unknown address"}, ${hostname ?? "an unnamed host"}`;
  return [
    {
      act: "adopt",
      title: `adopt the copy ${place}`,
      done: "adopted the copy of",
      will:
        "The copy becomes an agent of its own at its next beat; then the original is asked to rotate its secret. " +
        "A thief of the secret looks the same: be sure that this host is yours.",
      instanceId: instance_id,
    },
    {
      act: "revoke-copy",
      title: `shut out the copy ${place}`,
      done: "shut out the copy of",
      will:
        "The copy is refused, and the original is asked to rotate its secret: until it has, a copy that restarts " +
        "gets in again.",
      instanceId: instance_id,
    },
  ];
}
