/** The reply to an act that created something. It ends with a line feed: people read it from curl. */
export function createdReply(value: unknown): Response {
  const headers = { "content-type": "application/json" };
  return new Response(`${JSON.stringify(value)}\n`, { status: 201, headers });
}
