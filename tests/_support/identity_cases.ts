import { agentId, agentSecret } from "./vectors.ts";

/**
 * One case of "which id and secret are these?", for the program and for every installer. `<file>` stands for the path
 * of the secret's file.
 */
export interface IdentityCase {
  name: string;
  env?: Record<string, string>;
  args?: string[];
  /** What is in the secret's file; none: there is no such file. */
  file?: string;
  /** The exit code where the server can be reached and takes the secret. */
  code: 0 | 2 | 4;
}

const id = { OPENCLAW_AGENT_ID: agentId };
const other = "00000000-0000-4000-8000-000000000000";
const fileFlags = ["--agent-id", agentId, "--agent-secret-file", "<file>"];

export const identityCases: IdentityCase[] = [
  { name: "id and secret as variables", env: { ...id, OPENCLAW_AGENT_SECRET: agentSecret }, code: 0 },
  {
    name: "id and file as variables",
    env: { ...id, OPENCLAW_AGENT_SECRET_FILE: "<file>" },
    file: agentSecret,
    code: 0,
  },
  { name: "id and file as flags", args: fileFlags, file: agentSecret, code: 0 },
  {
    name: "an id in upper case",
    env: { OPENCLAW_AGENT_ID: agentId.toUpperCase(), OPENCLAW_AGENT_SECRET: agentSecret },
    code: 0,
  },
  { name: "a secret with a newline behind it", args: fileFlags, file: `${agentSecret}\n`, code: 0 },
  {
    name: "a secret as Windows' editors write it, BOM and CR LF",
    args: fileFlags,
    file: `\uFEFF${agentSecret}\r\n`,
    code: 0,
  },
  { name: "a secret with spaces around it", args: fileFlags, file: `  ${agentSecret}\t\n`, code: 0 },
  {
    name: "a variable with a carriage return behind it",
    env: { ...id, OPENCLAW_AGENT_SECRET: `${agentSecret}\r` },
    code: 0,
  },
  {
    name: "the secret's variable empty, the file's set",
    env: { ...id, OPENCLAW_AGENT_SECRET: "", OPENCLAW_AGENT_SECRET_FILE: "<file>" },
    file: agentSecret,
    code: 0,
  },
  {
    name: "flags beside other variables: the flags count",
    env: { OPENCLAW_AGENT_ID: other, OPENCLAW_AGENT_SECRET: "ocs_bad" },
    args: fileFlags,
    file: agentSecret,
    code: 0,
  },
  {
    name: "a secret and a file as variables",
    env: { ...id, OPENCLAW_AGENT_SECRET: agentSecret, OPENCLAW_AGENT_SECRET_FILE: "<file>" },
    file: agentSecret,
    code: 2,
  },
  { name: "an id only, as a variable", env: id, code: 2 },
  { name: "a secret only, as a variable", env: { OPENCLAW_AGENT_SECRET: agentSecret }, code: 2 },
  {
    name: "an id as a flag, the secret as a variable",
    args: ["--agent-id", agentId],
    env: { OPENCLAW_AGENT_SECRET: agentSecret },
    code: 2,
  },
  {
    name: "a file as a flag, the id as a variable",
    args: ["--agent-secret-file", "<file>"],
    env: id,
    file: agentSecret,
    code: 2,
  },
  {
    name: "an id that is not a UUID",
    env: { OPENCLAW_AGENT_ID: "edge-1", OPENCLAW_AGENT_SECRET: agentSecret },
    code: 2,
  },
  { name: "a secret that is cut", env: { ...id, OPENCLAW_AGENT_SECRET: agentSecret.slice(0, -1) }, code: 2 },
  {
    name: "a secret with a wrong checksum",
    env: { ...id, OPENCLAW_AGENT_SECRET: `${agentSecret.slice(0, -1)}B` },
    code: 2,
  },
  {
    name: "a secret of another kind",
    env: { ...id, OPENCLAW_AGENT_SECRET: agentSecret.replace("ocs_", "oce_") },
    code: 2,
  },
  { name: "an empty file", args: fileFlags, file: "", code: 2 },
  { name: "a file that is not there", args: fileFlags, code: 4 },
];

/** The variables and the arguments of a case, with the path of the secret's file in them. */
export function fillIn(
  { env = {}, args = [] }: IdentityCase,
  path: string,
): { env: Record<string, string>; args: string[] } {
  const fill = (text: string): string => text === "<file>" ? path : text;
  return {
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)])),
    args: args.map(fill),
  };
}
