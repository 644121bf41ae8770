/** What `setpriv` is told to run a program as a user that no list names and that owns nothing, but may read ours. */
export const asNobody = [
  // With it, its rights count for access(2) too, which asks in the name of the real user.
  "--securebits=+no_setuid_fixup",
  "--reuid=54321",
  "--regid=54321",
  "--clear-groups",
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
];
