import type { Act } from "./agents.ts";
import { type Listed, readListed } from "./lists.ts";
import { boolean, each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";
import type { PageByCreation } from "../http/pages.ts";

const columns = {
  id: text,
  owner_id: orNull(text),
  name: text,
  labels: entries(text),
  heartbeat_interval_seconds: number,
  progress_deadline_seconds: orNull(number),
  uses: number,
  used: number,
  created_at: text,
  expires_at: text,
  revoked_at: orNull(text),
};

const hostColumns = {
  agent_id: orNull(text),
  hostname: orNull(text),
  address: orNull(text),
  step: orNull(text),
  failed: boolean,
  detail: orNull(text),
  at: text,
};

/** An enrollment as an operator sees it. Never its code, never the code's digest. */
export type Enrollment = ReadBy<typeof columns>;

/** A host that asked with the code: the agent that it got, and how far its installer came. */
export type EnrollmentHost = ReadBy<typeof hostColumns>;

const readEnrollment = fields(columns);
const readWithHosts = fields({ enrollment: readEnrollment, hosts: each(fields(hostColumns)) });
const readEnrolled = fields({ id: text, name: text });

export interface NewEnrollment {
  /** The agents' name; `{hostname}` in it stands for their host's. */
  name: string;
  labels: Readonly<Record<string, string>>;
  heartbeatIntervalSeconds: number;
  progressDeadlineSeconds: number | null;
  uses: number;
  expiresInSeconds: number;
  ownerId: string | null;
  /** How many enrollments the owner may have with this one; null for any number. */
  ownerLimit: number | null;
  codeDigest: string;
  act: Act;
}

/** Which host asks with which code, by their digests, and from which address. */
export interface Enrolling {
  codeDigest: string;
  hostDigest: string;
  address: string | null;
}

/** The agent that a host got. */
export interface Enrolled {
  id: string;
  name: string;
}

/** How far an installer came. */
export interface Progress {
  step: string;
  failed: boolean;
  detail: string | null;
}

export const enrollments = {
  create: row("create_enrollment", {
    effect: "changes",
    args: ({ name, labels, uses, ownerId, ownerLimit, codeDigest, act, ...settings }: NewEnrollment) => ({
      enrollment: {
        name,
        labels,
        heartbeat_interval_seconds: settings.heartbeatIntervalSeconds,
        progress_deadline_seconds: settings.progressDeadlineSeconds,
        uses,
        expires_in: settings.expiresInSeconds,
      },
      owner_id: ownerId,
      owner_limit: ownerLimit,
      code_digest: codeDigest,
      act: { ...act },
    }),
    read: readCreated,
  }),
  /** A page of one owner's enrollments, the newest first; of anybody's, where the owner is null. */
  list: row("list_enrollments", {
    effect: "reads",
    args: (ownerId: string | null, { limit, after }: PageByCreation) => ({
      owner_id: ownerId,
      page_limit: limit,
      after,
    }),
    read: (reply): Listed<Enrollment> => readListed(reply, readEnrollment),
  }),
  /** An enrollment of one owner, with the hosts that were last heard of; of anybody, where the owner is null. */
  get: row("get_enrollment", {
    effect: "reads",
    args: (enrollmentId: string, ownerId: string | null) => ({
      enrollment_id: enrollmentId,
      owner_id: ownerId,
    }),
    read: orNull(readWithHosts),
  }),
  revoke: row("revoke_enrollment", {
    effect: "changes",
    args: (enrollmentId: string, { ownerId, act }: { ownerId: string | null; act: Act }) => ({
      enrollment_id: enrollmentId,
      owner_id: ownerId,
      act: { ...act },
    }),
    read: orNull(readEnrollment),
  }),
  /** Null, and nothing written, unless the code is good for this host. */
  enroll: row("enroll", {
    effect: "creates",
    args: (
      { codeDigest, hostDigest, address }: Enrolling,
      { secretDigest, hostname, ownerLimit }: {
        secretDigest: string;
        hostname: string | null;
        ownerLimit: number;
      },
    ) => ({
      code_digest: codeDigest,
      host_digest: hostDigest,
      secret_digest: secretDigest,
      hostname,
      address,
      owner_limit: ownerLimit,
    }),
    read: orNull(readAttempt),
  }),
  /** False, and nothing written, unless the code is good for this host's reports. */
  recordProgress: row("record_progress", {
    effect: "changes",
    args: ({ codeDigest, hostDigest, address }: Enrolling, progress: Progress) => ({
      code_digest: codeDigest,
      host_digest: hostDigest,
      progress: { ...progress },
      address,
    }),
    read: (reply): boolean => reply !== null && boolean(reply),
  }),
};

function readCreated(reply: unknown): Enrollment | "owner_limit" | "owner_unknown" {
  const { refused, enrollment } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readEnrollment(enrollment);
}

function readAttempt(reply: unknown): Enrolled | "owner_limit" {
  const { refused, agent } = record(reply);
  return refused === "owner_limit" ? refused : readEnrolled(agent);
}
