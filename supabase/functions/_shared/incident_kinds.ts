/** What an incident may be of, as `incident_kind_is_one_we_know` has it. */
export const incidentKinds = ["offline", "stalled", "unhealthy", "copy", "server"] as const;

export type IncidentKind = typeof incidentKinds[number];
