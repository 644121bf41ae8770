import manifest from "../deno.json" with { type: "json" };

/** This program's version, as the root's deno.json has it. */
export const version: string = manifest.version;
