import type { Escape, Json } from "./template.ts";

/** What may be in a setting; see `settings.ts`. */
export type SettingRule = "url" | "signing_secret" | "token" | "chat" | "routing_key" | "mail";

/** What a receiver replies when it has taken a message. */
export interface Taken {
  /** Any of these statuses; "2xx" for all of success. */
  statuses: readonly number[] | "2xx";
  /** What a JSON body has to say besides. */
  json?: Readonly<Record<string, string | boolean>>;
  /** What a JSON body says when the message was refused in spite of the status. */
  unless?: Readonly<Record<string, string | boolean>>;
}

/** A channel that is reached by one POST of JSON: where, what, and what counts as delivered. */
export interface HttpKind {
  settings: Readonly<Record<string, SettingRule>>;
  /** Settings that may be left out. */
  optional?: readonly string[];
  /** The address, with the settings in it. */
  to: string;
  headers?: Readonly<Record<string, string>>;
  json: Json;
  escape: Escape;
  /** How many characters of the text fit, each of which may be escaped. */
  longestText?: number;
  taken: Taken;
}

/** Texts that are shown as they are: a TextBlock would read them as Markdown. */
const cardBody: Json = [
  { type: "RichTextBlock", inlines: [{ type: "TextRun", text: "{title}", weight: "Bolder" }] },
  { type: "RichTextBlock", inlines: [{ type: "TextRun", text: "{text}" }] },
];

/**
 * The kinds of channels that are reached over HTTP. `{name}` is a setting or a word of the message (`words.ts`); each
 * follows the receiver's own documentation. `webhook` has its incident as JSON, and a signature (`sign.ts`); `email` has
 * a transport of its own.
 */
export const httpKinds = {
  webhook: {
    settings: { url: "url", secret: "signing_secret" },
    to: "{url}",
    json: { type: "{type}", timestamp: "{time}", data: "{incident}" },
    escape: "none",
    taken: { statuses: "2xx" },
  },
  slack: {
    settings: { url: "url" },
    to: "{url}",
    json: { text: "{title}\n{text}", mrkdwn: false, unfurl_links: false },
    escape: "entities",
    taken: { statuses: [200], unless: { ok: false } },
  },
  discord: {
    settings: { url: "url" },
    to: "{url}",
    json: { content: "{title}\n{text}", allowed_mentions: { parse: [] } },
    escape: "markdown",
    // A message of 2,000 at most.
    longestText: 700,
    taken: { statuses: [200, 204] },
  },
  teams: {
    settings: { url: "url" },
    to: "{url}",
    json: {
      type: "message",
      attachments: [{
        contentType: "application/vnd.microsoft.card.adaptive",
        content: { type: "AdaptiveCard", version: "1.4", body: cardBody },
      }],
    },
    escape: "none",
    taken: { statuses: [200, 202] },
  },
  telegram: {
    settings: { token: "token", chat_id: "chat" },
    to: "https://api.telegram.org/bot{token}/sendMessage",
    json: {
      chat_id: "{chat_id}",
      text: "{title}\n{text}",
      link_preview_options: { is_disabled: true },
    },
    escape: "none",
    taken: { statuses: [200], json: { ok: true } },
  },
  ntfy: {
    settings: { url: "url", token: "token" },
    optional: ["token"],
    to: "{url_parent}",
    headers: { authorization: "Bearer {token}" },
    json: { topic: "{url_name}", title: "{title}", message: "{text}", priority: "{priority}" },
    escape: "none",
    taken: { statuses: [200], json: { event: "message" } },
  },
  gotify: {
    settings: { url: "url", token: "token" },
    to: "{url_base}/message",
    headers: { "x-gotify-key": "{token}" },
    json: { title: "{title}", message: "{text}", priority: "{gotify_priority}" },
    escape: "none",
    taken: { statuses: [200] },
  },
  pagerduty: {
    settings: { routing_key: "routing_key" },
    to: "https://events.pagerduty.com/v2/enqueue",
    json: {
      routing_key: "{routing_key}",
      event_action: "{pagerduty_action}",
      dedup_key: "{incident_id}",
      payload: { summary: "{title}", source: "openclaw", severity: "{severity}", custom_details: "{text}" },
    },
    escape: "none",
    taken: { statuses: [202], json: { status: "success" } },
  },
  apprise: {
    settings: { url: "url" },
    to: "{url}",
    json: { title: "{title}", body: "{text}", type: "{apprise_type}", format: "text" },
    escape: "none",
    taken: { statuses: [200] },
  },
} satisfies Record<string, HttpKind>;

export type HttpKindName = keyof typeof httpKinds;
export type ChannelKind = HttpKindName | "email";

export const channelKinds: readonly ChannelKind[] = [
  ...Object.keys(httpKinds) as HttpKindName[],
  "email",
];
