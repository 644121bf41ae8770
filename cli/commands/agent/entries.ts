import type { Entry } from "../program.ts";

/** The commands of an agent's host. None of them loads anything of the server. */
export const agentEntries: readonly Entry[] = [
  {
    name: "monitor",
    summary: "shake hands, then send heartbeats until told to stop",
    load: async () => (await import("./monitor.ts")).addMonitor,
  },
  {
    name: "handshake",
    summary: "shake hands once and say what came back",
    load: async () => (await import("./handshake.ts")).addHandshake,
  },
  {
    name: "heartbeat",
    summary: "send one heartbeat, for cron",
    load: async () => (await import("./heartbeat.ts")).addHeartbeat,
  },
  {
    name: "run",
    summary: "run a job, for cron, and beat when it ends",
    load: async () => (await import("./run.ts")).addRun,
  },
  {
    name: "status",
    summary: "tell which agent this host is, and whether it is online",
    load: async () => (await import("./status.ts")).addStatus,
  },
  {
    name: "doctor",
    summary: "check everything between this host and the server",
    load: async () => (await import("./doctor.ts")).addDoctor,
  },
  {
    name: "configure",
    summary: "write the credentials file",
    load: async () => (await import("./configure.ts")).addConfigure,
  },
  {
    name: "enroll",
    summary: "exchange an enrollment code for an agent of this host",
    load: async () => (await import("./enroll.ts")).addEnroll,
  },
  {
    name: "forget",
    summary: "remove the credentials file",
    load: async () => (await import("./forget.ts")).addForget,
  },
  {
    name: "service",
    summary: "run the monitor as a service of this host",
    load: async () => (await import("./service.ts")).addService,
  },
  {
    name: "completions",
    summary: "print the completion script of a shell",
    load: async () => (await import("../completions/completions.ts")).addCompletions,
    describesAll: true,
  },
  {
    name: "version",
    summary: "tell the version of this program",
    load: async () => (await import("../version.ts")).addVersion,
  },
];
