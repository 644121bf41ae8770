import { dirname, resolve } from "node:path";
import { type ConnectionFlags, readAuthorities } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import type { Place } from "./layout.ts";
import { shellQuote } from "../host/shell_quote.ts";

/** What the service's monitor is told besides its credentials. */
export interface ServiceOptions {
  caFile: string | null;
  insecureHttp: boolean;
}

export const noOptions: ServiceOptions = { caFile: null, insecureHttp: false };

/** The options as `openclaw monitor` takes them, a word each. */
export function optionWords({ caFile, insecureHttp }: ServiceOptions): string[] {
  return [...(caFile === null ? [] : [`--ca-file=${caFile}`]), ...(insecureHttp ? ["--insecure-http"] : [])];
}

/** What is said now, and what an earlier definition of ours says where nothing is said now: a repetition loses nothing. */
export async function optionsFor(
  place: Place,
  { caFile, insecureHttp, url }: ConnectionFlags,
  earlier: string | null,
): Promise<ServiceOptions> {
  const before = earlier === null ? noOptions : earlierOptions(earlier, place.os);
  return {
    caFile: caFile === undefined ? before.caFile : await checkedCaFile(place, caFile),
    // That one server may be asked in the clear says nothing of another one.
    insecureHttp: insecureHttp === true || (before.insecureHttp && url === undefined),
  };
}

/** What a definition that `defineService` made was told. */
export function earlierOptions(definition: string, os: Place["os"]): ServiceOptions {
  const line = {
    linux: /^ExecStart=(.*)$/m,
    darwin: /<key>ProgramArguments<\/key>\s*<array>([^]*?)<\/array>/,
    windows: /<Arguments>(.*)<\/Arguments>/,
  }[os].exec(definition)?.[1] ?? "";
  return { caFile: caFileIn(line, os), insecureHttp: /(^|[\s>])--insecure-http($|[\s<])/.test(line) };
}

function caFileIn(line: string, os: Place["os"]): string | null {
  if (os === "linux") {
    const [, quoted, plain] = /"--ca-file=((?:[^"\\]|\\.)*)"|--ca-file=(\S+)/.exec(line) ?? [];
    const word = quoted === undefined ? plain : quoted.replace(/\\(.)/g, "$1");
    return word?.replaceAll("%%", "%").replaceAll("$$", "$") ?? null;
  }
  const text = os === "darwin"
    ? /<string>--ca-file=([^<]*)<\/string>/.exec(line)?.[1]
    : /&quot;--ca-file=(.*?)&quot;/.exec(line)?.[1];
  return text?.replaceAll("&quot;", '"').replaceAll("&gt;", ">").replaceAll("&lt;", "<")
    .replaceAll("&amp;", "&") ?? null;
}

/** @throws {CliError} `usage` for a file that holds no certificates, or that the service could not read */
async function checkedCaFile(place: Place, caFile: string): Promise<string> {
  const path = resolve(caFile);
  await readAuthorities({ caFile: path }, () => undefined);
  // deno-lint-ignore no-control-regex -- a line break would begin another line of the unit
  const fault = /[\u0000-\u001f\u007f]/.test(path)
    ? "its name has a control character"
    : await faultForService(place, path);
  if (fault === null) return path;
  throw new CliError("usage", `Cannot use the certificates in "${path}": ${fault}`, {
    hint: `sudo install -m 644 ${
      shellQuote(path)
    } /etc/ssl/openclaw-ca.pem # and --ca-file /etc/ssl/openclaw-ca.pem`,
  });
}

/** The system's unit has a user of its own, who sees neither homes nor the temporary folders of others. */
async function faultForService({ os, scope }: Place, path: string): Promise<string | null> {
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
