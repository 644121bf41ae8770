/** The service's version, as `/health` tells it. The same as in the root's deno.json. */
export const version = "0.1.0";
