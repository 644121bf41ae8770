/** A setting of a channel: whether it is no secret, and whether it may be left out. */
export interface Setting {
  name: string;
  open?: true;
  optional?: true;
}

/** What each kind of channel needs to know, in the order in which it is asked for. */
export const channelSettings = {
  webhook: [{ name: "url" }, { name: "secret", optional: true }],
  slack: [{ name: "url" }],
  discord: [{ name: "url" }],
  teams: [{ name: "url" }],
  telegram: [{ name: "token" }, { name: "chat_id", open: true }],
  ntfy: [{ name: "url" }, { name: "token", optional: true }],
  gotify: [{ name: "url" }, { name: "token" }],
  pagerduty: [{ name: "routing_key" }],
  apprise: [{ name: "url" }],
  email: [{ name: "to", open: true }],
} as const satisfies Record<string, readonly Setting[]>;

export type ChannelKind = keyof typeof channelSettings;

export const channelKinds = Object.keys(channelSettings) as ChannelKind[];

/** What an incident may be of. */
export const incidentKinds: readonly string[] = [
  "offline",
  "stalled",
  "unhealthy",
  "copy",
  "server",
];
