import { Webhook } from "npm:standardwebhooks@1.1.1";
import type { Post, PostReply } from "../../supabase/functions/_shared/channels/send.ts";
import { isRecord } from "../../supabase/functions/_shared/values.ts";

/** What a receiver kept of a message that it took. */
export interface Received {
  kind: ReceiverKind;
  /** By what the receiver tells a repeat, where the service has something of the kind. */
  id: string | null;
  body: Record<string, unknown>;
}

export type ReceiverKind = keyof typeof receivers;

type Answer = { status: number; text?: string; retryAfter?: string };

export const signingSecret = `whsec_${btoa("a secret of thirty-two characters")}`;
export const receiverToken = "token-of-the-receiver";
export const routingKey = "R".repeat(32);

/** Settings with which each receiver takes a message. */
export const receiverSettings: Record<ReceiverKind, Record<string, string>> = {
  webhook: { url: "https://webhook.example/hooks/a?b=c", secret: signingSecret },
  slack: { url: "https://hooks.slack.com/services/T0/B0/secret-of-slack" },
  discord: { url: "https://discord.com/api/webhooks/1/secret-of-discord" },
  teams: { url: "https://teams.example/workflows/x/triggers/manual/paths/invoke?sig=secret-of-teams" },
  telegram: { token: receiverToken, chat_id: "-1001234567890" },
  ntfy: { url: "https://ntfy.example/sub/fleet", token: receiverToken },
  gotify: { url: "https://gotify.example/gotify/", token: receiverToken },
  pagerduty: { routing_key: routingKey },
  apprise: { url: "https://apprise.example/notify/secret-of-apprise" },
};

/**
 * Receivers of each kind, which answer as the documentation of their service says, and refuse what it would refuse.
 * `kept` has what they took. `next` is how the next posts are answered instead, one each.
 */
export class Receivers {
  readonly kept: Received[] = [];
  readonly next: (Answer | "nothing")[] = [];

  /** Takes the place of the network. */
  readonly post = async (post: Post): Promise<PostReply> => {
    const instead = this.next.shift();
    if (instead === "nothing") return await new Promise(() => {});
    const { status, text = "", retryAfter = null } = instead ?? this.answer(post);
    return { status, text, retryAfter };
  };

  /** What the service behind the address answers. */
  answer(post: Post): Answer {
    const kind = kindOf(post.url);
    const parsed: unknown = JSON.parse(post.body);
    if (kind === null) return { status: 404, text: "no such place" };
    if (post.headers["content-type"] !== "application/json" || !isRecord(parsed)) {
      return { status: 415, text: "expected a JSON object" };
    }
    const judge: Judge = receivers[kind];
    const { answer, id = null } = judge(post, parsed);
    if (answer.status < 300) this.kept.push({ kind, id, body: parsed });
    return answer;
  }
}

function kindOf(url: URL): ReceiverKind | null {
  const hosts: Record<ReceiverKind, string> = {
    webhook: "webhook.example",
    slack: "hooks.slack.com",
    discord: "discord.com",
    teams: "teams.example",
    telegram: "api.telegram.org",
    ntfy: "ntfy.example",
    gotify: "gotify.example",
    pagerduty: "events.pagerduty.com",
    apprise: "apprise.example",
  };
  const found = Object.entries(hosts).find(([, host]) => host === url.hostname)?.[0];
  return found === undefined ? null : found as ReceiverKind;
}

type Judge = (post: Post, body: Record<string, unknown>) => { answer: Answer; id?: string | null };

const receivers = {
  /** https://www.standardwebhooks.com: any status of success is delivered. */
  webhook({ headers, body: text, url }, body) {
    const id = headers["webhook-id"] ?? "";
    const at = new Date(Number(headers["webhook-timestamp"]) * 1000);
    if (headers["webhook-signature"] !== new Webhook(signingSecret).sign(id, at, text)) {
      return { answer: { status: 401, text: "the signature does not hold" } };
    }
    const sound = typeof body.type === "string" && isRecord(body.data) &&
      !Number.isNaN(Date.parse(`${body.timestamp}`));
    const whole = url.pathname === "/hooks/a" && url.search === "?b=c";
    return { answer: { status: sound && whole ? 204 : 400 }, id };
  },
  /** docs.slack.dev, Sending messages using incoming webhooks: 200 with the text "ok". */
  slack({ url }, { text }) {
    if (url.pathname !== "/services/T0/B0/secret-of-slack") {
      return { answer: { status: 404, text: "no_service" } };
    }
    if (typeof text !== "string" || text === "") return { answer: { status: 400, text: "no_text" } };
    return { answer: { status: 200, text: "ok" } };
  },
  /** Discord, Execute Webhook: 204 without a body; content of at most 2,000 characters. */
  discord(_, { content, allowed_mentions }) {
    if (typeof content !== "string" || content.length === 0 || content.length > 2000) {
      return { answer: { status: 400, text: '{"content": ["Must be 2000 or fewer in length."]}' } };
    }
    const mentions = isRecord(allowed_mentions) && Array.isArray(allowed_mentions.parse);
    return { answer: { status: mentions ? 204 : 400 } };
  },
  /** Teams, the workflow "When a Teams webhook request is received": 202, an Adaptive Card. */
  teams({ url }, { type, attachments }) {
    const card = Array.isArray(attachments) ? attachments[0] : undefined;
    const sound = type === "message" && isRecord(card) && isRecord(card.content) &&
      card.contentType === "application/vnd.microsoft.card.adaptive" &&
      card.content.type === "AdaptiveCard" &&
      Array.isArray(card.content.body);
    return { answer: { status: sound && url.search === "?sig=secret-of-teams" ? 202 : 400 } };
  },
  /** Telegram Bot API, sendMessage: 200 with `ok: true`; text of 1 to 4,096 characters. */
  telegram({ url }, { chat_id, text }) {
    if (url.pathname !== `/bot${receiverToken}/sendMessage`) {
      return { answer: telegramError(401, "Unauthorized") };
    }
    if (chat_id !== "-1001234567890") return { answer: telegramError(400, "Bad Request: chat not found") };
    if (typeof text !== "string" || text.length === 0 || text.length > 4096) {
      return { answer: telegramError(400, "Bad Request: message is too long") };
    }
    return { answer: { status: 200, text: '{"ok":true,"result":{"message_id":1}}' } };
  },
  /** ntfy, Publish as JSON: to the server's root, the topic in the body; 200 with the message. */
  ntfy({ url, headers }, { topic, message, title, priority }) {
    if (headers.authorization !== undefined && headers.authorization !== `Bearer ${receiverToken}`) {
      return { answer: { status: 401, text: '{"code":40101,"http":401,"error":"unauthorized"}' } };
    }
    const sound = url.pathname === "/sub/" && typeof topic === "string" &&
      /^[-_A-Za-z0-9]{1,64}$/.test(topic) &&
      typeof message === "string" && typeof title === "string" && [1, 2, 3, 4, 5].includes(Number(priority));
    if (!sound) {
      return { answer: { status: 400, text: '{"code":40009,"http":400,"error":"invalid request"}' } };
    }
    return { answer: { status: 200, text: '{"id":"x","time":1,"event":"message","topic":"fleet"}' } };
  },
  /** Gotify, POST /message: 200 with the message. */
  gotify({ url, headers }, { message, title, priority }) {
    if (headers["x-gotify-key"] !== receiverToken) {
      return { answer: { status: 401, text: '{"error":"Unauthorized","errorCode":401}' } };
    }
    const sound = url.pathname === "/gotify/message" && typeof message === "string" && message !== "" &&
      typeof title === "string" && typeof priority === "number";
    return { answer: sound ? { status: 200, text: '{"id":1,"appid":1}' } : { status: 400 } };
  },
  /** PagerDuty, Events API v2: 202 with `status: "success"`; trigger and resolve by one dedup_key. */
  pagerduty(_, { routing_key, event_action, dedup_key, payload }) {
    const sound = routing_key === routingKey && typeof dedup_key === "string" && dedup_key.length <= 255 &&
      ["trigger", "resolve"].includes(String(event_action)) && isRecord(payload) &&
      typeof payload.summary === "string" && payload.summary.length <= 1024 &&
      typeof payload.source === "string" &&
      ["critical", "error", "warning", "info"].includes(String(payload.severity));
    if (!sound) {
      return {
        answer: { status: 400, text: '{"status":"invalid event","message":"Event object is invalid"}' },
      };
    }
    const answer = { status: 202, text: `{"status":"success","message":"Event processed"}` };
    return { answer, id: `${dedup_key} ${event_action}` };
  },
  /** Apprise API, POST /notify/<key>: 200; 424 where a service behind it failed. */
  apprise({ url }, { body, type }) {
    if (url.pathname !== "/notify/secret-of-apprise") return { answer: { status: 404, text: "not found" } };
    const sound = typeof body === "string" && body !== "" &&
      ["info", "success", "warning", "failure"].includes(String(type));
    return { answer: { status: sound ? 200 : 400 } };
  },
} satisfies Record<string, Judge>;

function telegramError(code: number, description: string): Answer {
  return { status: code, text: JSON.stringify({ ok: false, error_code: code, description }) };
}
