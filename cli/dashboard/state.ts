import type { Agent, Incident } from "../../supabase/functions/_shared/database/port.ts";

export type { Agent, Incident };

/** What the page knows before it has asked for anything; `#page-state` of the document has it as JSON. */
export interface PageState {
  role: "operator" | "reader";
  /** What a request that changes something carries in `x-page-token`. */
  token: string;
  /** The version of the page's server. */
  version: string;
  /** What agents call their server. */
  url: string;
  serverTime: string;
  /** What of the page's own query GET /agents/map takes: `liveness`, `label`, `q`, `group`. */
  query: string;
  /** How many agents there are, by liveness. */
  counts: Record<string, number>;
  /** `unhealthy` and `copies`, as GET /agents has them. */
  troubles: Record<string, number>;
  /** The worst agents, the worst first. */
  trouble: Agent[];
  /** What gets those after them. */
  troubleCursor: string | null;
  /** The open ones, the last opened first. */
  incidents: Incident[];
  /** The first rows of the list that `query` asks for, in the order of the map. */
  agents: Agent[];
  agentsCursor: string | null;
}

/** What the login page is made of. */
export interface LoginState {
  /** What its form asks for: a key, or the code that `openclaw dashboard` printed. It is posted under this name. */
  asks: "key" | "code";
  /** Why the last attempt was refused, in one sentence; null at first. */
  refusal: string | null;
  version: string;
}

/** What is said of a fleet's map: GET /agents/map, and the event `map` of the stream. */
export interface FleetMap {
  /** What each character of `cells` stands for: the first one's is `0`, the next one's `1`. */
  words: string[];
  /** One character an agent, in the map's order. */
  cells: string;
  /** How many agents there are of each value of the label, in the map's order; null: those without it. */
  groups: { name: string | null; count: number }[];
  /** How many different values there are; more than `groups` has, when these are too many. */
  groups_count: number;
  /** The cursor of each `marks_every`th agent: what GET /agents lists behind it begins with the next one. */
  marks: string[];
  marks_every: number;
  /** The order of GET /agents that the cursors are for. */
  sort: string;
  /** Another text once agents have come, gone or moved in the order. */
  order: string;
  counts: Record<string, number>;
  troubles: Record<string, number>;
  server_time: string;
}

/** The event `changes` of the stream, against the map before it. */
export interface MapChanges {
  at: string;
  cells: [index: number, cell: string][];
}

/** The event `counts` of the stream. */
export interface FleetCounts {
  at: string;
  counts: Record<string, number>;
  troubles: Record<string, number>;
}

/** The event `keepalive` of the stream, every 5 s. */
export interface Keepalive {
  /** The time of the page's server. */
  at: string;
  /** When the fleet was last seen to be as the stream has it; null before the first time. */
  verified_at: string | null;
  /** How many milliseconds pass between two looks at the fleet: more, where a look costs much. */
  every_ms: number;
}
