import type { Endpoint } from "./_shared/http/routes.ts";
import { endpoint as agents } from "./agents/routes.ts";
import { endpoint as channels } from "./channels/routes.ts";
import { endpoint as createAgent } from "./create-agent/handler.ts";
import { endpoint as enroll } from "./enroll/routes.ts";
import { endpoint as enrollments } from "./enrollments/routes.ts";
import { endpoint as events } from "./events/handler.ts";
import { endpoint as handshake } from "./handshake/handler.ts";
import { endpoint as health } from "./health/handler.ts";
import { endpoint as heartbeat } from "./heartbeat/handler.ts";
import { endpoint as incidents } from "./incidents/routes.ts";
import { endpoint as install } from "./install/handler.ts";
import { endpoint as jwks } from "./jwks/handler.ts";
import { endpoint as metrics } from "./metrics/handler.ts";
import { endpoint as notify } from "./notify/handler.ts";
import { endpoint as readerKeys } from "./reader-keys/routes.ts";
import { endpoint as rotateSecret } from "./rotate-secret/handler.ts";

/** Every function's endpoint, for the embedded server and for the tests. No function imports it. */
export const endpoints: readonly Endpoint[] = [
  agents,
  channels,
  createAgent,
  enroll,
  enrollments,
  events,
  handshake,
  health,
  heartbeat,
  incidents,
  install,
  jwks,
  metrics,
  notify,
  readerKeys,
  rotateSecret,
];
