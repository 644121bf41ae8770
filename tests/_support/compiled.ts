/** What `OPENCLAW_TEST_BINARY` names; empty is unset. */
export const compiled: string | undefined = Deno.env.get("OPENCLAW_TEST_BINARY") || undefined;

/** Whether this file's tests are about the program as its users have it. The other tests always run the source. */
const isAboutProgram = /\/tests\/(cli|long\/agent)\//.test(Deno.mainModule);

/** The compiled program that this file's tests run in place of the source. */
export const binary: string | undefined = isAboutProgram ? compiled : undefined;
