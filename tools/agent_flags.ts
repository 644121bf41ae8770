/**
 * V8's flags for the program that an agent's host runs. It sleeps nearly all its life: no compiler while it runs, and
 * memory before speed. Without it, V8 keeps up to a hundred megabytes of what thousands of beats needed once.
 */
export const agentFlags = "--lite-mode";
