/** A request as the handlers read it. Each host makes it of its own: the Edge Runtime, the embedded server. */
export interface Incoming {
  method: string;
  /** A header that comes several times is one text, joined with commas, as `Headers` has it. */
  headers: Pick<Headers, "get">;
  query: Readonly<URLSearchParams>;
  /**
   * The whole body.
   *
   * @throws {ContractError} `payload_too_large` above 64 KiB; `invalid_request` when it is not UTF-8, was cut off, or
   * has not arrived after 10 s
   */
  text: () => Promise<string>;
}

/** A reply as the handlers make it. The names of its headers are in lower case. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array | null;
}

const json = { "content-type": "application/json" };

/** A value as JSON. */
export function jsonReply(
  value: unknown,
  { status = 200, headers }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Reply {
  return {
    status,
    headers: headers === undefined ? json : { ...json, ...headers },
    body: JSON.stringify(value),
  };
}
