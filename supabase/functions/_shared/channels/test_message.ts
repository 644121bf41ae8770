import type { ChannelKind } from "./kinds.ts";
import { type Outcome, sendMessage, type Transports } from "./send.ts";
import type { Settings } from "./settings.ts";
import type { ToldIncident } from "./words.ts";

/** Of one channel: in no minute more than ten, which are these five and those that come back in 60 s. */
export const testRate = { burst: 5, perSecond: 5 / 60 };

/** Sends a test once. What a test opens at the receiver (PagerDuty's incident) is closed again. */
export async function sendTest(
  channel: { name: string; kind: ChannelKind; settings: Settings },
  transports: Transports,
  at: Date,
): Promise<Outcome> {
  const id = crypto.randomUUID();
  const told: ToldIncident = {
    id: `test-${id}`,
    kind: "offline",
    opened_at: at.toISOString(),
    closed_at: null,
    agents_count: 0,
    agents: [],
    labels: {},
    reason: `A test of the channel "${channel.name}": no agent is concerned`,
    changes_count: 0,
  };
  const message = { id, ...channel, told, incident: { ...told, agents: [] } };
  const outcome = await sendMessage({ ...message, type: "channel.test" }, transports, at);
  if (channel.kind === "pagerduty" && outcome.state === "delivered") {
    await sendMessage({ ...message, id: crypto.randomUUID(), type: "channel.tested" }, transports, at);
  }
  return outcome;
}
