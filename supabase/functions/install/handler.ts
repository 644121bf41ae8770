import type { Backend } from "../_shared/backend.ts";
import { parseChoice } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";
import { installerUrl, makeInstaller, type Shell, shells } from "../_shared/installer/installer.ts";

export const endpoint = resource("install", { GET: install });

/** The installer for one shell, with this service's address in it and no secret. */
export function install(
  request: Incoming,
  { issuer }: Pick<Backend, "issuer">,
): Promise<Reply> {
  const asked = request.query.get("shell") ?? "bash";
  const shell = parseChoice<Shell>(asked, "shell", shells);
  const { filename, content } = makeInstaller(shell, { url: installerUrl(issuer) });
  return Promise.resolve({
    status: 200,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-disposition": `inline; filename="${filename}"`,
      "x-content-type-options": "nosniff",
    },
    body: content,
  });
}
