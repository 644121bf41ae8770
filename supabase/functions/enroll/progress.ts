import type { Backend } from "../_shared/backend.ts";
import type { Progress } from "../_shared/database/port.ts";
import { readJson } from "../_shared/http/body.ts";
import { badField, type Fields, parseBoolean, parseText } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { parseEnrolling, refusedCode } from "./_code.ts";

type Deps = Pick<Backend, "database" | "refusals"> & Exchange;

/** Records how far an installer came, also before its host has an agent: so that one that failed is a row. */
export async function recordProgress(request: Incoming, deps: Deps): Promise<Reply> {
  const fields = await readJson(request);
  const enrolling = parseEnrolling(fields, deps);
  const isRecorded = await deps.database.enrollments.recordProgress(enrolling, parseProgress(fields));
  if (!isRecorded) throw refusedCode(deps);
  return { status: 204, headers: {}, body: null };
}

function parseProgress({ step, failed, detail }: Fields): Progress {
  if (typeof step !== "string" || !/^[a-z_]{1,32}$/.test(step)) {
    throw badField("step", "is not a word of 1 to 32 of a to z and _");
  }
  return {
    step,
    failed: parseBoolean(failed, "failed"),
    detail: detail === undefined ? null : parseText(detail, "detail", { longest: 500 }),
  };
}
