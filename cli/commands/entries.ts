import { agentEntries } from "./agent/entries.ts";
import type { Entry } from "./program.ts";

/** The commands of the server and of its operators, which are in `openclaw-server` and `deno task openclaw` only. */
const serverEntries: readonly Entry[] = [
  {
    name: "agents",
    summary: "make agents, and act on them",
    load: async () => (await import("./fleet/agents.ts")).addAgents,
  },
  {
    name: "enrollments",
    summary: "make the codes by which hosts enroll themselves",
    load: async () => (await import("./fleet/enrollments.ts")).addEnrollments,
  },
  {
    name: "fleet",
    summary: "show which agents are alive, the worst first",
    load: async () => (await import("./fleet/fleet.ts")).addFleet,
  },
  {
    name: "login",
    summary: "log in as a user of a Supabase project",
    load: async () => (await import("./fleet/login.ts")).addLogin,
  },
  {
    name: "logout",
    summary: "end a login",
    load: async () => (await import("./fleet/logout.ts")).addLogout,
  },
  {
    name: "reader-keys",
    summary: "make the keys that only read",
    load: async () => (await import("./fleet/reader_keys.ts")).addReaderKeys,
  },
  {
    name: "installer",
    summary: "make the installer for a host that has nothing but its shell",
    load: async () => (await import("./installer.ts")).addInstaller,
  },
  {
    name: "keys",
    summary: "make the keys that sign sessions",
    load: async () => (await import("./keys.ts")).addKeys,
  },
  {
    name: "serve",
    summary: "run the whole backend in this process",
    load: async () => (await import("./serve.ts")).addServe,
  },
];

/** Every command. */
export const allEntries: readonly Entry[] = [...agentEntries, ...serverEntries];
