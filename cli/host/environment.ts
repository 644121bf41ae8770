/** Reads one environment variable; an empty one counts as unset. */
export type Environment = (name: string) => string | undefined;
