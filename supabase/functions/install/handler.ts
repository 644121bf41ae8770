import type { Backend } from "../_shared/backend.ts";
import { parseChoice } from "../_shared/http/fields.ts";
import { resource } from "../_shared/http/routes.ts";
import { installerUrl, makeInstaller, type Shell, shells } from "../_shared/installer/installer.ts";

export const endpoint = resource("install", { GET: install });

/** The installer for one shell, with this service's address in it and no secret. */
export function install(
  request: Request,
  { issuer }: Pick<Backend, "issuer">,
): Promise<Response> {
  const asked = new URL(request.url).searchParams.get("shell") ?? "bash";
  const shell = parseChoice<Shell>(asked, "shell", shells);
  const { filename, content } = makeInstaller(shell, { url: installerUrl(issuer) });
  return Promise.resolve(
    new Response(content, {
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": `inline; filename="${filename}"`,
        "x-content-type-options": "nosniff",
      },
    }),
  );
}
