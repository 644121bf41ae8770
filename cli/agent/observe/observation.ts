import type { Status, Work } from "../../api/agent.ts";
import type { Metrics } from "./host_metrics.ts";

/** What a beat says of the host. */
export interface Observation {
  status: Status;
  message?: string | undefined;
  metrics: Metrics;
  /** Only where somebody watches the work. */
  work?: Work | undefined;
}
