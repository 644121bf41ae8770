import { writePrivateFile } from "../../cli/host/private_file.ts";
import { formatCredentials } from "../../cli/identity/credentials.ts";

/** Writes one credentials file after the other until it is killed, and says when it has begun. */
const [path = "", secret = "", ...ids] = Deno.args;
for (let round = 0; true; round++) {
  const agentId = ids[round % ids.length] ?? "";
  await writePrivateFile(path, formatCredentials({ url: "https://a.example", agentId, secret }));
  if (round === 1) await Deno.stdout.write(new TextEncoder().encode("begun\n"));
}
