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
    name: "channels",
    summary: "say who is told of incidents, and where",
    load: async () => (await import("./fleet/channels.ts")).addChannels,
  },
  {
    name: "cost",
    summary: "reckon what a month of a fleet costs",
    load: async () => (await import("./cost/cost.ts")).addCost,
  },
  {
    name: "dashboard",
    summary: "show the fleet of any server in a browser",
    load: async () => (await import("./dashboard.ts")).addDashboard,
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
    name: "incidents",
    summary: "show what is wrong with agents, and say that you know of it",
    load: async () => (await import("./fleet/incidents.ts")).addIncidents,
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
    name: "top",
    summary: "show the whole fleet live, and act on it by keys",
    load: async () => (await import("./fleet/top.ts")).addTop,
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
