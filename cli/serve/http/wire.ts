/** A connection's bytes. Those of TCP are Deno's own. */
export interface Wire {
  /** Whether a peer takes an end that was not announced for an attack. */
  isTls?: boolean;
  /** Reads some bytes, and resolves with how many, or with null when the peer sends no more. */
  read: (into: Uint8Array) => Promise<number | null>;
  /** Resolves once some bytes have been taken, with how many. */
  write: (bytes: Uint8Array) => Promise<number>;
  /** Tells the peer that no more comes. */
  closeWrite: () => Promise<void>;
  /** Ends it; a read or write under way fails. */
  close: () => void;
}

/** Where connections come from. */
export interface Source {
  port: number;
  /** Gives those that come from now on, with the peers' addresses. It has so many under way at most. */
  start: (take: (wire: Wire, address: string) => void, most: number) => void;
  /** Gives no more of them. */
  close: () => void;
}
