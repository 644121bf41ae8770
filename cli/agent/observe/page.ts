import type { Observation } from "./observation.ts";

/** What came of asking for a page: an answer, or why there is none. */
export type Answer =
  | { status: number; text: string; milliseconds: number }
  | { fault: string; timedOut?: boolean };

interface Asked {
  signal: AbortSignal;
  /** Whether the text is read, up to 64 KiB of it. */
  reads: boolean;
  client?: Deno.HttpClient | undefined;
}

const mostSeconds = 5;
const mostBytes = 65_536;

/** Gets a page within 5 s. Redirects are not followed. Never fails. */
export async function askPage(url: string, { signal: given, client, reads }: Asked): Promise<Answer> {
  const started = performance.now();
  const timeout = AbortSignal.timeout(mostSeconds * 1000);
  const signal = AbortSignal.any([given, timeout]);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal,
      ...(client === undefined ? {} : { client }),
    });
    const milliseconds = Math.round(performance.now() - started);
    if (reads) return { status: response.status, milliseconds, text: await readSome(response) };
    await response.body?.cancel();
    return { status: response.status, milliseconds, text: "" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const timedOut = timeout.aborted;
    return { timedOut, fault: timedOut ? `did not answer within ${mostSeconds} s` : "cannot be reached" };
  }
}

/** The one page that the administrator named: how long it took, and whether it failed. */
export async function probe(
  { url, client, hangUp }: { url: string; client: () => Deno.HttpClient | undefined; hangUp?: () => void },
  signal: AbortSignal,
): Promise<Observation> {
  const answer = await askPage(url, { signal, client: client(), reads: false });
  // A connection that brought no answer is not used for the next beat.
  if ("fault" in answer && answer.timedOut === true) hangUp?.();
  return judgePage(answer);
}

/** No answer is `unhealthy`, any other than 2xx is `degraded`. */
export function judgePage(answer: Answer): Observation {
  if ("fault" in answer) return { status: "unhealthy", message: `the probe ${answer.fault}`, metrics: {} };
  const { status, milliseconds } = answer;
  const metrics = { latency_ms: milliseconds };
  if (status >= 200 && status < 300) return { status: "healthy", metrics };
  return { status: "degraded", message: `the probe answered ${status}`, metrics };
}

/** The head has come, so what becomes of the body is no fault of the page. */
async function readSome({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let length = 0; length <= mostBytes;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      text += decoder.decode(value, { stream: true });
    }
    return text;
  } catch (error) {
    if (error instanceof Error) return text;
    throw error;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
