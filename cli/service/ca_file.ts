import { dirname, resolve } from "node:path";
import { readAuthorities } from "../identity/setup.ts";
import { CliError } from "../terminal/errors.ts";
import { shellQuote } from "../host/shell_quote.ts";
import type { ServiceLayout } from "./layout.ts";

/** @throws {CliError} `usage` for a file that holds no certificates, or that the service could not read */
export async function checkedCaFile(layout: ServiceLayout, caFile: string): Promise<string> {
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
