import type { Status, Work } from "../../api/agent.ts";
import { asObject, parseObject } from "../../host/json.ts";
import { runProgram } from "../../host/child.ts";
import { printable } from "../../terminal/printable.ts";
import { listNames, numbersOf } from "./numbers.ts";
import type { Observation } from "./observation.ts";

/** How a host can be, the best first. */
export const statuses = ["healthy", "degraded", "unhealthy"] as const satisfies Status[];

/** What a command said, and what to complain of. */
export type Part = Observation & { complaint?: string };

const programSeconds = 10;

/** JSON with a `status`, else the exit code: 0 healthy, 1 degraded, any other unhealthy. */
export async function askStatus(command: string[], signal: AbortSignal): Promise<Part> {
  const { code, stdout, fault } = await runProgram(command, { seconds: programSeconds, signal });
  if (fault === null) return judgeStatus(code ?? 1, stdout);
  return { status: "unhealthy", message: `the status command failed: ${fault}`, metrics: {} };
}

/** JSON: an object of numbers. */
export async function askMetrics(command: string[], signal: AbortSignal): Promise<Part> {
  const { code, stdout, fault } = await runProgram(command, { seconds: programSeconds, signal });
  if (fault === null) return judgeMetrics(code ?? 1, stdout);
  return { status: "degraded", message: `the metrics command failed: ${fault}`, metrics: {} };
}

/** Never healthier than said: a status that we do not know is at least `degraded`. */
export function judgeStatus(code: number, stdout: string): Part {
  const said = parseObject(stdout);
  const byCode = code === 0 ? "healthy" : code === 1 ? "degraded" : "unhealthy";
  const text = typeof said?.message === "string" ? said.message : said === null ? stdout : "";
  const message = printable(text.trim().split("\n")[0] ?? "");
  const { metrics, lost } = numbersOf(said?.metrics);
  const work = workOf(said?.work);
  const part = {
    status: byCode,
    metrics,
    ...(message === "" ? {} : { message }),
    ...(work === undefined || work === null ? {} : { work }),
  } as const;
  const complaints = [
    ...(lost.length === 0 ? [] : [complaintOfLost("status", lost)]),
    ...(work === null ? [complaintOfWork] : []),
  ];
  if (said?.status === undefined || said.status === null) return withComplaints(part, complaints);
  const known = statuses.find((one) => one === String(said.status).toLowerCase());
  if (known !== undefined) return withComplaints({ ...part, status: known }, complaints);
  const word = printable(JSON.stringify(said.status)).slice(0, 63);
  const status = byCode === "healthy" ? "degraded" : byCode;
  const complaint = `the status command says ${word}, which is not one of ${statuses.join(", ")}: ` +
    `it counts as ${status}`;
  return withComplaints(
    { ...part, status, message: message || `the status command says ${word}` },
    [complaint, ...complaints],
  );
}

const complaintOfWork = "the status command's work is left out: " +
  '{"busy": true, "progress": 12} is expected, true or false and a whole number';

/** Undefined where nothing is said of it, null where it cannot be read. */
function workOf(said: unknown): Work | null | undefined {
  if (said === undefined || said === null) return undefined;
  const { busy = true, progress } = asObject(said) ?? { busy: null };
  if (typeof busy !== "boolean") return null;
  if (progress === undefined || progress === null) return { busy };
  return typeof progress === "number" && Number.isSafeInteger(progress) ? { busy, progress } : null;
}

export function judgeMetrics(code: number, stdout: string): Part {
  const said = parseObject(stdout);
  if (said === null || code !== 0) {
    const what = said === null ? "printed no JSON object" : `ended with ${code}`;
    return { status: "degraded", message: `the metrics command ${what}`, metrics: {} };
  }
  const { metrics, lost } = numbersOf(said);
  return withComplaints(
    { status: "healthy", metrics },
    lost.length === 0 ? [] : [complaintOfLost("metrics", lost)],
  );
}

function complaintOfLost(what: string, lost: string[]): string {
  return `a beat cannot hold all that the ${what} command prints: ${listNames(lost)}; ` +
    "metrics are numbers with names of a to z, 0 to 9 and _, up to 63 characters";
}

function withComplaints(part: Observation, complaints: string[]): Part {
  return complaints.length === 0 ? part : { ...part, complaint: complaints.join("; ") };
}
