/** The names that the page is reached by, so that nobody reaches it by another's. */
export class Origins {
  readonly #public: URL | null;
  readonly #listening: URL;

  /** @param publicUrl what the server is called by others; null where that is no other address than its own */
  constructor({ url, publicUrl }: { url: string; publicUrl: string | null }) {
    this.#listening = new URL(url);
    this.#public = publicUrl === null ? null : new URL(publicUrl);
  }

  /**
   * Whether a request's `Host` is a name of this server. An address always is, and so is localhost: a page that makes its
   * own name lead here (DNS rebinding) still sends that name.
   */
  isOwnHost(host: string | null): boolean {
    const url = hostUrl(host);
    if (url === null) return false;
    const isAddress = /^(\d+(\.\d+){3}|\[.*\]|localhost)$/.test(url.hostname);
    return isAddress || [this.#listening, this.#public].some((own) => own?.hostname === url.hostname);
  }

  /** Whether a request comes from a page of this server: its `Origin` is the `Host`, or the public URL. */
  isOwnOrigin(origin: string | null, host: string | null): boolean {
    if (origin === null || !URL.canParse(origin) || !this.isOwnHost(host)) return false;
    const { protocol, origin: sent } = new URL(origin);
    if (sent !== origin || !/^https?:$/.test(protocol)) return false;
    return sent === this.#public?.origin || sent === hostUrl(host, protocol)?.origin;
  }
}

function hostUrl(host: string | null, protocol = "http:"): URL | null {
  const text = `${protocol}//${host}`;
  return host !== null && /^[\w.[\]:-]+$/.test(host) && URL.canParse(text) ? new URL(text) : null;
}
