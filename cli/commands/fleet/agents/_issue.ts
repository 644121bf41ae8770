import type { IssuedSecret, Shell } from "../../../api/operator/agents.ts";
import { servedUrl } from "../../../api/served_url.ts";
import { isLoopback } from "../../../api/url.ts";
import { shellQuote } from "../../../host/shell_quote.ts";
import { secretFault } from "../../../identity/secret.ts";
import { writeInstaller } from "../../../operator/installer_folder.ts";
import { agentLine } from "../../../operator/paste.ts";
import { CliError } from "../../../terminal/errors.ts";
import { answer, say, warn } from "../../../terminal/output.ts";
import type { Context, HandOverFlags } from "./_options.ts";

/** How secrets that are issued now get to their hosts: by a line to paste, or in an installer's file. */
export type HandOver =
  | { by: "line"; shell: Shell; hostsUrl: string }
  | { by: "file"; shell: Shell; folder: string };

/** What an answer says of one agent with a new secret: the secret is in it, or in the file. */
export type Issued = { agent: IssuedSecret["agent"] } & ({ agent_secret: string } | { file: string });

/** Decides how the secrets are handed over, and finds out what the hosts call the server. */
export async function planHandOver(flags: HandOverFlags, { operator, json }: Context): Promise<HandOver> {
  const shell = flags.installer ?? "bash";
  if (flags.output === "") {
    throw new CliError("usage", "Cannot write installers: --output names no folder", {
      hint: "--output for-hosts",
    });
  }
  if (flags.output !== undefined) return { by: "file", shell, folder: flags.output };
  return { by: "line", shell, hostsUrl: json ? operator.url : await urlForHosts(operator) };
}

/** What the hosts call the server: what it calls itself. Warns where a line with it would not work elsewhere. */
export async function urlForHosts(operator: Context["operator"]): Promise<string> {
  const url = await servedUrl(operator);
  if (url === undefined) return operator.url;
  if (url === null) {
    warn(`${operator.url} serves no installer: the lines below work once its OPENCLAW_PUBLIC_URL is https`);
    return operator.url;
  }
  if (isLoopback(new URL(url).hostname)) {
    warn(
      `the server calls itself ${url}: the lines below work on its own host only, until it has a --public-url`,
    );
  }
  return url;
}

/**
 * Hands over one secret, and returns what an answer in JSON says of it. What is printed is printed at once: a program
 * that ends later has not lost it.
 *
 * @throws {CliError} when the file cannot be written, or the service sent no installer
 */
export async function handOver(
  { agent, agent_secret, installer }: IssuedSecret,
  { plan, file, json }: { plan: HandOver; file: string; json: boolean },
): Promise<Issued> {
  const fault = secretFault(agent_secret);
  if (fault !== null) {
    throw new CliError(
      "unexpected",
      `Cannot use the secret that the server sent for "${agent.name}": ${fault}`,
    );
  }
  if (plan.by === "file") {
    if (installer === null) {
      throw new CliError("unexpected", `Cannot write an installer for "${agent.name}": the server sent none`);
    }
    const path = await writeInstaller(plan.folder, file, installer.content);
    if (!json) say(`wrote ${path}, for "${agent.name}" (${agent.id})`);
    return { agent, file: path };
  }
  if (!json) {
    const { line } = agentLine(plan.shell, { url: plan.hostsUrl, agentId: agent.id });
    // Quoted: a shell that is given the whole block may take the first line for a command, and a name may be anything.
    answer(`# ${agent.id} ${shellQuote(agent.name)}\n${agent_secret}\n${line}\n`);
  }
  return { agent, agent_secret };
}
