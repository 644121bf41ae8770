import assert from "node:assert/strict";
import { join } from "node:path";
import { type CreatedAgent, type FleetClient, record } from "../_support/client.ts";
import type { Finished, Host, RunOptions } from "../_support/installers.ts";
import { enrollmentCode } from "../_support/vectors.ts";
import { forward, withFront } from "./_front.ts";

/** What a host asked of /enroll or /enroll/progress. */
export interface Asked {
  path: string;
  body: Record<string, unknown>;
}

/** A front of a real server that enrolls hosts as the contract says, with one code. */
export class Desk {
  readonly asked: Asked[] = [];
  readonly agents: Map<string, CreatedAgent> = new Map<string, CreatedAgent>();
  /** What answers in its place; null leaves it to the desk. */
  instead: (path: string) => Response | Promise<Response> | null = () => null;

  constructor(readonly fleet: FleetClient, readonly server: string, readonly url: string) {}

  /** The bodies with which it was asked for an agent. */
  get enrollments(): Record<string, unknown>[] {
    return this.asked.filter(({ path }) => path === "enroll").map(({ body }) => body);
  }

  /** The steps that it was told of: `enrolled`, or `enrolled, then Cannot …` for one that failed. */
  get steps(): string[] {
    return this.asked.filter(({ path }) => path === "enroll/progress").map(({ body }) =>
      body.failed === true ? `${body.step}, then ${body.detail}` : String(body.step)
    );
  }

  /** Runs the installer with the code in a file; if it is patient, with ten minutes to tell each of its steps. */
  async install(
    host: Host,
    { args = [], isPatient = true, ...options }: RunOptions & { args?: string[]; isPatient?: boolean } = {},
  ): Promise<Finished> {
    const code = join(host.home, "../code");
    await Deno.writeTextFile(code, `${enrollmentCode}\n`, { mode: 0o600 });
    const file = isPatient ? await patientCopy(host) : host.language.file;
    return await host.run(["--url", this.url, "--enrollment-code-file", code, ...args], { ...options, file });
  }

  async answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname.replace("/functions/v1/", "");
    if (!path.startsWith("enroll")) {
      return await this.instead(path) ?? await forward(request, this.server, JSON.stringify);
    }
    const body = record(await request.json());
    this.asked.push({ path, body });
    return await this.instead(path) ?? await this.#served(path, body);
  }

  async #served(
    path: string,
    { code, enrollment_id: id, ...rest }: Record<string, unknown>,
  ): Promise<Response> {
    if (typeof id !== "string" || !/^[A-Za-z0-9_-]{43}$/.test(id)) return refusal(400, "invalid_request");
    if (code !== enrollmentCode) return refusal(401, "invalid_credentials");
    if (path === "enroll/progress") {
      const isStep = /^[a-z_]{1,32}$/.test(String(rest.step)) && typeof rest.failed === "boolean" &&
        typeof rest.detail === "string" && rest.detail.length <= 500;
      return isStep ? new Response(null, { status: 204 }) : refusal(400, "invalid_request");
    }
    return await this.enroll(id, String(record(rest.client).hostname));
  }

  /** The code is good for one agent, until that has shaken hands. */
  async enroll(id: string, name: string): Promise<Response> {
    const known = this.agents.get(id);
    const isConfirmed = known !== undefined && (await this.fleet.agent(known.id)).last_handshake_at !== null;
    if (isConfirmed || (known === undefined && this.agents.size > 0)) {
      return refusal(401, "invalid_credentials");
    }
    const agent = known ?? await this.fleet.createAgent({ name });
    this.agents.set(id, agent);
    return Response.json({ agent: { id: agent.id, name }, agent_secret: agent.secret }, { status: 201 });
  }
}

/**
 * The installer, which gives a step up after 2 s: a busy machine takes longer, and tells no other one then. It lies beside
 * the folders of all scenarios: a PowerShell that reads the same file again does not compile it again.
 */
async function patientCopy({ home, language: { file, extension } }: Host): Promise<string> {
  const text = await Deno.readTextFile(file);
  const patient = text.replace(/(enroll\/progress.*[ ,])2(\)?)$/m, "$1600$2");
  assert.notEqual(patient, text, "it has no limit for its steps");
  const copy = join(home, `../../patient.${extension}`);
  // Another scenario may be starting it.
  await Deno.writeTextFile(`${home}.${extension}`, patient, { mode: 0o755 });
  await Deno.rename(`${home}.${extension}`, copy);
  return copy;
}

/** The service's refusal. */
export function refusal(status: number, error: string): Response {
  return Response.json({ error, error_description: "Cannot enroll: it is a test", request_id: "x" }, {
    status,
  });
}

/** Runs the work with such a front. */
export async function withDesk(
  { fleet, url }: { fleet: FleetClient; url: string },
  work: (desk: Desk) => Promise<void>,
): Promise<void> {
  let desk: Desk | null = null;
  const answer = (request: Request): Response | Promise<Response> =>
    desk?.answer(request) ?? new Response(null, { status: 503 });
  await withFront(answer, async (front) => {
    desk = new Desk(fleet, url, front);
    await work(desk);
  });
}
