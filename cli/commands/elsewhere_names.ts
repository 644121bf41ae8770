/**
 * The commands that the program for an agent's host does not have. It says where they are: the server, the keys and
 * the installers would make it half as large again.
 */
export const namesElsewhere: readonly string[] = [
  "serve",
  "keys",
  "installer",
  "agents",
  "channels",
  "cost",
  "dashboard",
  "enrollments",
  "fleet",
  "incidents",
  "login",
  "logout",
  "reader-keys",
  "top",
];
