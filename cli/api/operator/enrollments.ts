import {
  boolean,
  content,
  each,
  entries,
  fields,
  lines,
  number,
  orNull,
  type ReadBy,
  text,
} from "../readers.ts";
import type { Outcome } from "../transport.ts";
import { ask, done, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

const enrollmentFields = {
  id: text,
  name: orNull(text),
  uses: number,
  used: number,
  labels: entries(text),
  heartbeat_interval_seconds: orNull(number),
  progress_deadline_seconds: orNull(number),
  created_at: orNull(text),
  expires_at: text,
  revoked_at: orNull(text),
};
const readEnrollment = fields(enrollmentFields);

/** What a code lets hosts do, and how many have; never the code. */
export type Enrollment = ReadBy<typeof enrollmentFields>;

const enrollingHostFields = {
  agent_id: orNull(text),
  hostname: orNull(text),
  address: orNull(text),
  step: orNull(text),
  failed: boolean,
  detail: orNull(lines),
  at: text,
};

/** How far one host came with a code. */
export type EnrollingHost = ReadBy<typeof enrollingHostFields>;

export interface NewEnrollment {
  uses?: number;
  expires_in?: number;
  name?: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
}

/** Makes a code, which is never shown again. */
export function createEnrollment(
  operator: OperatorConnection,
  enrollment: NewEnrollment,
): Promise<Outcome<{ enrollment: Enrollment; code: string }>> {
  const read = fields({ enrollment: readEnrollment, code: content });
  return ask(operator, "enrollments", read, { method: "POST", body: JSON.stringify(enrollment) });
}

const readEnrollmentsPage = fields({
  enrollments: each(readEnrollment),
  next_cursor: orNull(text),
  server_time: text,
});

export function listEnrollments(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"enrollments", Enrollment>>> {
  return ask(operator, `enrollments${question(pageQuery(page))}`, readEnrollmentsPage, {});
}

export function getEnrollment(
  operator: OperatorConnection,
  id: string,
): Promise<Outcome<{ enrollment: Enrollment; hosts: EnrollingHost[] }>> {
  const read = fields({ enrollment: readEnrollment, hosts: each(fields(enrollingHostFields)) });
  return ask(operator, `enrollments/${encodeURIComponent(id)}`, read, {});
}

/** Revokes a code. What the service answers beside that it did is nobody's concern. */
export function revokeEnrollment(operator: OperatorConnection, id: string): Promise<Outcome<true>> {
  const path = `enrollments/${encodeURIComponent(id)}/revoke`;
  return ask(operator, path, done, { method: "POST", body: "{}" });
}
