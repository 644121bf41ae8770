import manifest from "../deno.json" with { type: "json" };

/** This program's version, as the root's deno.json has it. */
export const version: string = manifest.version;

/** Whether this is a compiled program. The Deno of the functions' tests does not know the word for it. */
export const isCompiled: boolean = "standalone" in Deno.build && Deno.build.standalone === true;
