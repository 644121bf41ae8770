import { resolve } from "node:path";
import { parseProbeUrl, parseWatch } from "../api/url.ts";
import { parseCommand } from "../host/child.ts";
import { readBackIn } from "../identity/back_in.ts";
import { parseSecretAge } from "../identity/secret_age.ts";
import type { ConnectionFlags } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { checkedCaFile } from "./ca_file.ts";
import { unescapeXml } from "./definition/xml.ts";
import { systemdWords, windowsWords } from "./definition/words.ts";
import type { ServiceLayout } from "./layout.ts";
import { decodeDefinition } from "./stored_definition.ts";

/** What the service's monitor looks at besides the host, and when it has its secret replaced. */
export interface LifeOptions {
  watch: string | null;
  probeUrl: string | null;
  statusCommand: string | null;
  metricsCommand: string | null;
  rotateEvery: string | null;
  progressFile: string | null;
  backIn: string | null;
}

/** What the service's monitor is given besides its credentials. */
export interface ServiceOptions extends LifeOptions {
  caFile: string | null;
  insecureHttp: boolean;
}

/** The flags of `openclaw service install` that go into the definition; an empty one takes the earlier one away. */
export type OptionFlags = ConnectionFlags & LifeFlags;

type LifeFlags = { [Name in keyof LifeOptions]?: string | undefined };

export const noOptions: ServiceOptions = {
  caFile: null,
  insecureHttp: false,
  watch: null,
  probeUrl: null,
  statusCommand: null,
  metricsCommand: null,
  rotateEvery: null,
  progressFile: null,
  backIn: null,
};

const names = {
  caFile: "--ca-file",
  watch: "--watch",
  probeUrl: "--probe-url",
  statusCommand: "--status-command",
  metricsCommand: "--metrics-command",
  rotateEvery: "--rotate-every",
  progressFile: "--progress-file",
  backIn: "--back-in",
} as const;
const ofLife = [
  "watch",
  "probeUrl",
  "statusCommand",
  "metricsCommand",
  "rotateEvery",
  "progressFile",
  "backIn",
] as const;

/** The options as `openclaw monitor` takes them, a word each. */
export function optionWords(options: ServiceOptions): string[] {
  const { caFile, insecureHttp } = options;
  return [
    ...(caFile === null ? [] : [`${names.caFile}=${caFile}`]),
    ...(insecureHttp ? ["--insecure-http"] : []),
    ...lifeWords(options),
  ];
}

/** Those of them that `service status` shows. */
export function lifeWords(options: LifeOptions): string[] {
  return ofLife.flatMap((key) => options[key] === null ? [] : [`${names[key]}=${options[key]}`]);
}

/** The options given now, and those of an earlier definition where none is given now: a repetition loses nothing. */
export async function optionsFor(
  layout: ServiceLayout,
  { caFile, insecureHttp, url, ...flags }: OptionFlags,
  earlier: string | null,
): Promise<ServiceOptions> {
  const before = earlier === null ? noOptions : earlierOptions(earlier, layout.os);
  return {
    caFile: caFile === undefined ? before.caFile : await checkedCaFile(layout, caFile),
    // It was allowed for one server, not for another one.
    insecureHttp: insecureHttp === true || (before.insecureHttp && url === undefined),
    ...checkedLife(flags, before),
  };
}

/** @throws {CliError} `usage` for what the monitor would not take */
function checkedLife(flags: LifeFlags, before: LifeOptions): LifeOptions {
  const chosen = (key: keyof LifeOptions): string | null => {
    const flag = flags[key];
    return flag === undefined ? before[key] : flag === "" ? null : withoutControls(names[key], flag);
  };
  const life: LifeOptions = {
    watch: chosen("watch"),
    probeUrl: chosen("probeUrl"),
    statusCommand: chosen("statusCommand"),
    metricsCommand: chosen("metricsCommand"),
    rotateEvery: chosen("rotateEvery"),
    // The service is started in another folder.
    progressFile: flags.progressFile ? resolve(chosen("progressFile") ?? "") : chosen("progressFile"),
    backIn: chosen("backIn"),
  };
  const { watch, probeUrl, statusCommand, metricsCommand, rotateEvery, backIn } = life;
  if (watch !== null) parseWatch(watch);
  if (statusCommand !== null) parseCommand(statusCommand, names.statusCommand);
  if (metricsCommand !== null) parseCommand(metricsCommand, names.metricsCommand);
  if (rotateEvery !== null) parseSecretAge(rotateEvery);
  if (backIn !== null) readBackIn(backIn, () => undefined);
  return { ...life, probeUrl: probeUrl === null ? null : parseProbeUrl(probeUrl) };
}

function withoutControls(name: string, text: string): string {
  // deno-lint-ignore no-control-regex -- a line break would begin another line of the unit
  if (!/[\u0000-\u001f\u007f]/.test(text)) return text;
  throw new CliError("usage", `Cannot keep ${name} for the service: it has a control character`, {
    hint: `write it into a script, and give that with ${name}`,
  });
}

/** The options in a definition that `defineService` or an installer made. */
export function earlierOptions(definition: string, os: ServiceLayout["os"]): ServiceOptions {
  const words = wordsOf(definition, os);
  const valueOf = (key: keyof typeof names): string | null =>
    words.find((word) => word.startsWith(`${names[key]}=`))?.slice(names[key].length + 1) ??
      words[words.indexOf(names[key]) + 1 || words.length] ?? null;
  return {
    caFile: valueOf("caFile"),
    insecureHttp: words.includes("--insecure-http"),
    watch: valueOf("watch"),
    probeUrl: valueOf("probeUrl"),
    statusCommand: valueOf("statusCommand"),
    metricsCommand: valueOf("metricsCommand"),
    rotateEvery: valueOf("rotateEvery"),
    progressFile: valueOf("progressFile"),
    backIn: valueOf("backIn"),
  };
}

/** The options of the installed service, whichever program wrote its definition. */
export async function optionsOf({ unit, os }: ServiceLayout): Promise<ServiceOptions> {
  return earlierOptions(decodeDefinition(await Deno.readFile(unit)), os);
}

/** The words of the command line in a definition, as its manager would split it. */
function wordsOf(definition: string, os: ServiceLayout["os"]): string[] {
  if (os === "linux") return systemdWords(/^ExecStart=(.*)$/m.exec(definition)?.[1] ?? "");
  if (os === "windows") {
    return windowsWords(unescapeXml(/<Arguments>(.*)<\/Arguments>/.exec(definition)?.[1] ?? ""));
  }
  const array = /<key>ProgramArguments<\/key>\s*<array>([^]*?)<\/array>/.exec(definition)?.[1] ?? "";
  return [...array.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = ""]) => unescapeXml(word));
}
