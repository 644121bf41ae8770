/**
 * The connections to a server that are kept for the next request.
 *
 * A connection that dies without a word (a NAT that forgot it, a host that slept) is not told from one that is
 * slow, and over HTTP/2 every request would take the same dead one again. A caller that got no reply gives it up.
 */
export class Pool implements Disposable {
  readonly #authorities: string[];
  #client: Deno.HttpClient | null = null;

  /**
   * @param authorities PEM files to trust besides the public authorities
   * @throws {Error} for one that holds no sound certificate
   */
  constructor(authorities: string[] = []) {
    this.#authorities = authorities;
    if (authorities.length > 0) this.#client = this.#open();
  }

  /** Whether it trusts others than the public authorities. */
  get hasAuthorities(): boolean {
    return this.#authorities.length > 0;
  }

  get client(): Deno.HttpClient {
    return this.#client ??= this.#open();
  }

  /** Gives the kept connections up: the next request opens a new one. What is under way goes on. */
  renew(): void {
    this.#client?.close();
    this.#client = null;
  }

  [Symbol.dispose](): void {
    this.renew();
  }

  #open(): Deno.HttpClient {
    return Deno.createHttpClient({ caCerts: this.#authorities });
  }
}
