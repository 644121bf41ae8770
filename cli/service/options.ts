import { dirname, resolve } from "node:path";
import { type ConnectionFlags, readAuthorities } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { unescapeXml } from "./definition/xml.ts";
import type { ServiceLayout } from "./layout.ts";
import { shellQuote } from "../host/shell_quote.ts";

/** What the service's monitor is given besides its credentials. */
export interface ServiceOptions {
  caFile: string | null;
  insecureHttp: boolean;
}

export const noOptions: ServiceOptions = { caFile: null, insecureHttp: false };

/** The options as `openclaw monitor` takes them, a word each. */
export function optionWords({ caFile, insecureHttp }: ServiceOptions): string[] {
  return [...(caFile === null ? [] : [`--ca-file=${caFile}`]), ...(insecureHttp ? ["--insecure-http"] : [])];
}

/** The options given now, and those of an earlier definition where none is given now: a repetition loses nothing. */
export async function optionsFor(
  layout: ServiceLayout,
  { caFile, insecureHttp, url }: ConnectionFlags,
  earlier: string | null,
): Promise<ServiceOptions> {
  const before = earlier === null ? noOptions : earlierOptions(earlier, layout.os);
  return {
    caFile: caFile === undefined ? before.caFile : await checkedCaFile(layout, caFile),
    // It was allowed for one server, not for another one.
    insecureHttp: insecureHttp === true || (before.insecureHttp && url === undefined),
  };
}

/** The options in a definition that `defineService` made. */
export function earlierOptions(definition: string, os: ServiceLayout["os"]): ServiceOptions {
  const line = {
    linux: /^ExecStart=(.*)$/m,
    darwin: /<key>ProgramArguments<\/key>\s*<array>([^]*?)<\/array>/,
    windows: /<Arguments>(.*)<\/Arguments>/,
  }[os].exec(definition)?.[1] ?? "";
  return { caFile: caFileIn(line, os), insecureHttp: /[\s>"]--insecure-http($|[\s<"])/.test(line) };
}

function caFileIn(line: string, os: ServiceLayout["os"]): string | null {
  if (os === "linux") {
    const word = /"--ca-file=((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
    return word?.replace(/\\(.)/g, "$1").replaceAll("%%", "%").replaceAll("$$", "$") ?? null;
  }
  const text = os === "darwin"
    ? /<string>--ca-file=([^<]*)<\/string>/.exec(line)?.[1]
    : /"--ca-file=(.*?)"/.exec(line)?.[1];
  return text === undefined ? null : unescapeXml(text);
}

/** @throws {CliError} `usage` for a file that holds no certificates, or that the service could not read */
async function checkedCaFile(layout: ServiceLayout, caFile: string): Promise<string> {
  const path = resolve(caFile);
  await readAuthorities({ caFile: path }, () => undefined);
  // deno-lint-ignore no-control-regex -- a line break would begin another line of the unit
  const fault = /[\u0000-\u001f\u007f]/.test(path)
    ? "its name has a control character"
    : await faultForService(layout, path);
  if (fault === null) return path;
  throw new CliError("usage", `Cannot use the certificates in "${path}": ${fault}`, {
    hint: `sudo install -m 644 ${
      shellQuote(path)
    } /etc/ssl/openclaw-ca.pem # and --ca-file /etc/ssl/openclaw-ca.pem`,
  });
}

/** The system's unit has a user of its own, which sees neither homes nor the temporary folders of others. */
async function faultForService({ os, scope }: ServiceLayout, path: string): Promise<string | null> {
  if (os !== "linux" || scope !== "system") return null;
  for (const one of [path, await Deno.realPath(path)]) {
    const hidden = /^\/(home|root|run\/user|tmp|var\/tmp)(?=\/)/.exec(one)?.[0];
    if (hidden !== undefined) return `the service does not see what is in ${hidden}`;
  }
  let right = 0o004;
  for (let one = await Deno.realPath(path);; one = dirname(one)) {
    const { mode } = await Deno.stat(one);
    if (((mode ?? 0) & right) === 0) {
      return `the service's user may not read it: "${one}" is closed to others`;
    }
    if (one === "/") return null;
    right = 0o001;
  }
}
