import { setServerTime } from "./clock.ts";
import { isLoggedOut, token } from "./store.ts";

/** What the server answered instead of doing what it was asked for, in a sentence. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Asks the server for something. Its reply's time is the time of the page. */
export async function get<Reply extends object>(path: string, signal?: AbortSignal): Promise<Reply> {
  return await call<Reply>(path, signal === undefined ? {} : { signal });
}

/** Has the server do something. */
export async function act<Reply extends object>(
  path: string,
  body: object = {},
  method = "POST",
): Promise<Reply> {
  return await call<Reply>(path, {
    method,
    headers: { "content-type": "application/json", "x-page-token": token.value },
    ...method === "DELETE" ? {} : { body: JSON.stringify(body) },
  });
}

async function call<Reply extends object>(path: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(`/page/api/${path}`, init);
  if (response.status === 401) isLoggedOut.value = true;
  if (!response.ok) throw new Refusal(await sentenceOf(response));
  const reply: Reply & { server_time?: string } = await response.json();
  if (reply.server_time !== undefined) setServerTime(reply.server_time);
  return reply;
}

async function sentenceOf(response: Response): Promise<string> {
  const reply: { error_description?: string } = await response.json().catch(() => ({}));
  return reply.error_description ?? `The server answered ${response.status}`;
}
