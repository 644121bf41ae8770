import type { Connection } from "./transport.ts";

const timeoutMs = 15_000;
const maxBytes = 1024 * 1024;

/**
 * What the service calls itself in the installer that it serves; null where it serves none, undefined where it does not
 * answer. It need not be the address by which this program reaches it.
 */
export async function servedUrl({ url, pool }: Connection): Promise<string | null | undefined> {
  try {
    const response = await fetch(`${url}/functions/v1/install`, {
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
      ...(pool === undefined ? {} : { client: pool.client }),
    });
    const text = await readText(response);
    const [, served = ""] = /^ {2}baked_url='(https?:\/\/[^'\s]+)'$/m.exec(response.ok ? text : "") ?? [];
    return URL.canParse(served) ? served : null;
  } catch (error) {
    // What failed here will fail again, and be told, where it matters.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

async function readText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxBytes) break;
  }
  return text;
}
