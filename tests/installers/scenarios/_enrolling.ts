import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { record, send, text } from "../../_support/client.ts";
import { assertEnded, type Finished, type Host, run, type RunOptions } from "../../_support/installers.ts";
import { enrollmentCode } from "../../_support/vectors.ts";
import { refusal, withDesk } from "../_enrollment.ts";
import {
  credentialsText,
  mounted,
  rootsMounts,
  type Scenario,
  type Scene,
  terminated,
  untouched,
} from "../_scene.ts";

/** What all installers are held to: an enrollment code. */
export const enrolling: Scenario[] = [
  { name: "with a code the host is online, and neither the code nor its id is left", work: enrolled },
  { name: "a code of the real server is good for one host, and its row says how far that came", work: real },
  { name: "on a host that is enrolled a code is not used, and one line says so", work: ignored },
  { name: "killed while it enrolls and run again, it gets the same agent", work: killed },
  { name: "interrupted while it enrolls, it ends at once and keeps the id", work: interrupted },
  { name: "a mistyped code is refused without asking the server", work: mistyped },
  { name: "a refused code is 3, the owner's limit 5, and nothing is touched", work: refused },
  { name: "while the server is down a code is 6, and the same id is sent again", work: outage },
  {
    name: "an agent and a code in one layer are a usage error, and a flag beats the environment",
    work: both,
  },
  { name: "a code is read from a pipe and from standard input", work: piped, alone: "too" },
  { name: "a file without a code is refused, and one that is open to others a warning", work: codeFiles },
  { name: "a dry run with a code asks the server nothing", work: dryRun },
  {
    name: "a host without a place that lasts does not enroll: 2, with the hint to mount one",
    work: transient,
    needs: rootsMounts,
  },
  {
    name: "what fails after the enrollment is told, and the agent is there for the next run",
    work: failedLater,
  },
  { name: "a server that does not take the steps costs one request, and no installation", work: untold },
];

async function enrolled(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  await withDesk(scene, async (desk) => {
    const ended = await desk.install(host);
    assertEnded(ended, 0, /^enrolled at .* as ".+" \([0-9a-f-]{36}\)$/m);
    assert.deepEqual(desk.steps, ["started", "checked", "enrolled", "installed", "online"]);
    const [body, ...more] = desk.enrollments;
    assert.deepEqual(more, []);
    const { code, enrollment_id: id, client } = body ?? {};
    assert.equal(code, enrollmentCode);
    assert.match(String(id), /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/);
    const { version, hostname, os, arch } = record(client);
    for (const word of [version, hostname, os, arch]) assert.match(text(word), /^.+$/);
    assert.deepEqual(Object.keys(body ?? {}).sort(), ["client", "code", "enrollment_id"]);
    const agent = desk.agents.get(String(id));
    assert.ok(agent !== undefined);
    assert.equal((await fleet.agent(agent.id)).liveness, "online");
    const tree = await host.tree();
    assert.deepEqual(files(tree), [host.credentials, host.manifest, host.program].sort());
    assert.equal(tree[`600 ${host.credentials}`], credentialsText(agent, desk.url));
    const shown = [...Object.values(tree), ended.stdout, ended.stderr].join("\n");
    for (const secret of [enrollmentCode, String(id)]) {
      assert.ok(!shown.includes(secret), "it is shown or kept");
    }
    assert.ok(!`${ended.stdout}${ended.stderr}`.includes(agent.secret), "the secret is shown");
    assertEnded(await host.run(["--uninstall"]), 0);
    assert.deepEqual(await host.tree(), {});
  });
}

function idOf({ credentials }: Host): string {
  return join(dirname(credentials), "enrollment-id");
}

function files(tree: Record<string, string>): string[] {
  return Object.entries(tree).filter(([, content]) => content !== "").map(([path]) => path.slice(4)).sort();
}

async function real({ host, fleet, url }: Scene): Promise<void> {
  const made = await send(`${fleet.base}/enrollments`, {
    headers: fleet.operator,
    body: { name: "edge of {hostname}" },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const env = { OPENCLAW_URL: url, OPENCLAW_ENROLLMENT_CODE: text(made.body.code) };
  assertEnded(await host.run([], { env }), 0, /^enrolled at .* as "edge of .+" /m);
  const { id } = record(made.body.enrollment);
  const { body } = await send(`${fleet.base}/enrollments/${id}`, { headers: fleet.operator });
  const [row, ...more] = Array.isArray(body.hosts) ? body.hosts : [];
  assert.deepEqual(more, []);
  const { agent_id: agentId, step, failed } = record(row);
  assert.deepEqual({ step, failed }, { step: "online", failed: false });
  assert.equal((await fleet.agent(text(agentId))).liveness, "online");
  assertEnded(await host.run(["--uninstall"]), 0);
  await untouched(host, () => host.run([], { env }), 3, /the code is unknown, expired, used up or revoked/);
}

async function ignored(scene: Scene): Promise<void> {
  const { host } = scene;
  await withDesk(scene, async (desk) => {
    assertEnded(await desk.install(host), 0);
    const asked = desk.asked.length;
    const line =
      /^this host is enrolled already, as the agent [0-9a-f-]{36}: the enrollment code is not used$/m;
    assertEnded(await untouched(host, () => desk.install(host), 0, /nothing had to be changed/), 0, line);
    // Not even read: what a host's first start was given may be gone.
    const env = { OPENCLAW_ENROLLMENT_CODE_FILE: "/nowhere" };
    await untouched(host, () => host.run([], { env }), 0, line);
    assert.equal(desk.asked.length, asked);
  });
}

/** The agent is made, and the reply is lost. */
async function killed(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  const pid = join(host.home, "../pid");
  await withDesk(scene, async (desk) => {
    desk.instead = async (path) => {
      if (path !== "enroll") return new Response(null, { status: 204 });
      const [body] = desk.enrollments;
      const reply = await desk.enroll(text(body?.enrollment_id), "edge");
      Deno.kill(Number(await Deno.readTextFile(pid)), "SIGKILL");
      return reply;
    };
    const ended = await desk.install(host, { wrapper: ["sh", "-c", 'echo $$ >"$0"; exec "$@"', pid] });
    assert.equal(ended.code, 137, ended.stderr);
    const id = idOf(host);
    assert.equal(((await Deno.stat(id)).mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(dirname(id))).mode ?? 0) & 0o777, 0o700);
    desk.instead = () => null;
    assertEnded(await desk.install(host), 0);
    assert.equal(desk.enrollments.length, 2);
    assert.equal(desk.enrollments[0]?.enrollment_id, desk.enrollments[1]?.enrollment_id);
    const [agent, ...more] = desk.agents.values();
    assert.deepEqual(more, []);
    assert.equal((await fleet.agent(agent?.id ?? "")).liveness, "online");
    assert.deepEqual(files(await host.tree()), [host.credentials, host.manifest, host.program].sort());
  });
}

async function interrupted(scene: Scene): Promise<void> {
  const { host } = scene;
  await withDesk(scene, async (desk) => {
    const asked = Promise.withResolvers<void>();
    const over = Promise.withResolvers<Response>();
    desk.instead = (path) => {
      if (path !== "enroll") return null;
      asked.resolve();
      return over.promise;
    };
    const ended = await terminated(host, asked.promise, (options) => desk.install(host, options));
    assertEnded(ended, 1, /the id of this enrollment stays[^\n]*\nerror: Cannot go on: it was interrupted/);
    assert.equal(desk.steps.at(-1), "checked, then Cannot go on: it was interrupted");
    assert.deepEqual(files(await host.tree()), [idOf(host), host.manifest]);
    over.resolve(refusal(503, "unavailable"));
  });
}

async function mistyped(scene: Scene): Promise<void> {
  const { host, some } = scene;
  const faults: [string, RegExp][] = [
    [enrollmentCode.slice(0, -1), /has 53 characters, a code has 54/],
    [`${enrollmentCode.slice(0, -1)}B`, /checksum does not fit/],
    [enrollmentCode.replace("oce_", "ocs_"), /not of the form "oce_/],
    [`${enrollmentCode.slice(0, 20)}$${enrollmentCode.slice(21)}`, /not of the form/],
  ];
  await withDesk(scene, async (desk) => {
    for (const [fault, message] of some(faults)) {
      const env = { OPENCLAW_URL: desk.url, OPENCLAW_ENROLLMENT_CODE: fault };
      const ended = await untouched(host, () => host.run([], { env }), 2, message);
      assert.ok(!`${ended.stdout}${ended.stderr}`.includes(fault.slice(8, 40)), "the code is shown");
    }
    assert.deepEqual(desk.asked, []);
  });
}

async function refused(scene: Scene): Promise<void> {
  const { host } = scene;
  await withDesk(scene, async (desk) => {
    desk.instead = (path) => path === "enroll" ? refusal(401, "invalid_credentials") : null;
    const words = "the code is unknown, expired, used up or revoked";
    await untouched(host, () => desk.install(host), 3, new RegExp(`Cannot enroll at .*: ${words}$`, "m"));
    assert.equal(desk.steps.at(-1), `checked, then Cannot enroll at ${desk.url}: ${words}`);
    desk.instead = (path) => path === "enroll" ? refusal(409, "conflict") : null;
    await untouched(
      host,
      () => desk.install(host),
      5,
      /the server answers 409 conflict: Cannot enroll: it is a test/,
    );
    const [first, second] = desk.enrollments;
    assert.notEqual(first?.enrollment_id, second?.enrollment_id);
  });
}

const outages: [() => Response, RegExp][] = [
  [() => new Response("<h1>Bad gateway</h1>", { status: 502 }), /is not openclaw, perhaps a proxy's page/],
  [() => refusal(503, "unavailable"), /the server answers 503 unavailable/],
  [() => refusal(429, "rate_limited"), /the server answers 429 rate_limited/],
  [
    () => Response.redirect("http://127.0.0.1:1/", 307),
    /it redirects \(status 307\), and that is not followed/,
  ],
  [
    () => Response.json({ agent: { id: "7", name: "a" }, agent_secret: "x" }, { status: 201 }),
    /is not openclaw/,
  ],
];

async function outage(scene: Scene): Promise<void> {
  const { host, some } = scene;
  const stays = /the id of this enrollment stays: run the installer again with the same code/;
  const down = { OPENCLAW_URL: "http://127.0.0.1:1", OPENCLAW_ENROLLMENT_CODE: enrollmentCode };
  assertEnded(await host.run([], { env: down }), 6, /Cannot reach http/);
  // What is kept for the next run is known, and can be taken away.
  assert.deepEqual(files(await host.tree()), [
    join(dirname(host.credentials), "enrollment-id"),
    host.manifest,
  ]);
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), {});
  await withDesk(scene, async (desk) => {
    for (const [reply, message] of some(outages)) {
      desk.instead = (path) => path === "enroll" ? reply() : null;
      const ended = await desk.install(host);
      assertEnded(ended, 6, message);
      assert.match(ended.stderr, stays);
    }
    desk.instead = () => null;
    assertEnded(await desk.install(host), 0);
    const ids = new Set(desk.enrollments.map(({ enrollment_id }) => enrollment_id));
    assert.equal(ids.size, 1);
  });
}

async function both(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  const agent = await fleet.createAgent();
  const code = { OPENCLAW_ENROLLMENT_CODE: enrollmentCode };
  await withDesk(scene, async (desk) => {
    const message = /Cannot tell which agent this is: both .* are given/;
    await untouched(host, () => desk.install(host, { args: ["--agent-id", agent.id] }), 2, message);
    const env = { OPENCLAW_URL: desk.url, OPENCLAW_AGENT_SECRET: agent.secret, ...code };
    await untouched(host, () => host.run([], { env }), 2, message);
    const twice = { OPENCLAW_URL: desk.url, OPENCLAW_ENROLLMENT_CODE_FILE: "/nowhere", ...code };
    await untouched(host, () => host.run([], { env: twice }), 2, /Cannot tell which code to use: both/);
    assertEnded(await host.install(agent, desk.url, { env: code }), 0);
    assert.deepEqual(desk.asked, []);
  });
}

async function piped(scene: Scene): Promise<void> {
  const { host, someAlone } = scene;
  await withDesk(scene, async (desk) => {
    const given = ["--url", desk.url, "--dry-run", "--enrollment-code-file"];
    const stdin = `${enrollmentCode}\r\n`;
    const inputs: [text: string, code: number, says: RegExp][] = [
      [stdin, 0, /^would /m],
      ["\n", 2, /Cannot read the code from standard input/],
    ];
    for (const [text, code, says] of someAlone(inputs)) {
      assertEnded(await host.run([...given, "-"], { stdin: text }), code, says);
    }
    const pipe = join(host.home, "../pipe");
    await run(["mkfifo", pipe]);
    const written = Deno.writeTextFile(pipe, stdin);
    assertEnded(await host.run([...given, pipe]), 0);
    await written;
  });
}

async function codeFiles(scene: Scene): Promise<void> {
  const { host } = scene;
  await withDesk(scene, async (desk) => {
    const file = join(host.home, "../given");
    const given = (path: string): Promise<Finished> =>
      host.run(["--url", desk.url, "--dry-run", "--enrollment-code-file", path]);
    assertEnded(await given("/nowhere"), 4, /Cannot read "\/nowhere": there is no such file/);
    await Deno.writeTextFile(file, "\n");
    assertEnded(await given(file), 2, /it is empty/);
    await Deno.writeTextFile(file, enrollmentCode);
    await Deno.chmod(file, 0o640);
    assertEnded(await given(file), 0, /warning: ".*" is open to other users: chmod 600 it/);
    await Deno.chmod(file, 0o400);
    const { code, stderr } = await given(file);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

async function dryRun(scene: Scene): Promise<void> {
  const { host } = scene;
  await withDesk(scene, async (desk) => {
    const would = new RegExp(`would write ${host.credentials}`);
    await untouched(host, () => desk.install(host, { args: ["--dry-run"] }), 0, would);
    assert.deepEqual(desk.asked, []);
  });
}

/** What is mounted over the folder for configuration, in a container, and why that does not last. */
const transientFolders: [string, string][] = [
  [`mount -t tmpfs tmpfs "$0"`, "it is in memory, and gone after the next start"],
  [
    `mount -t tmpfs tmpfs "$0" && (cd "$0" && mkdir a b c &&
      mount -t overlay overlay -o lowerdir=a,upperdir=b,workdir=c "$0")`,
    "it is in the container's own file system, and goes with the container",
  ],
  [`mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"`, "it cannot be written to"],
];

async function transient(scene: Scene): Promise<void> {
  const { host, some } = scene;
  // The list of mounts writes a space and a backslash as digits.
  const config = join(host.home, "a b\\c");
  const folder = join(config, host.word);
  await Deno.mkdir(config, { recursive: true });
  const env = { XDG_CONFIG_HOME: config, KUBERNETES_SERVICE_HOST: "10.0.0.1" };
  await withDesk(scene, async (desk) => {
    for (const [script, fault] of some(transientFolders)) {
      const start = (options: RunOptions): Promise<Finished> => desk.install(host, { ...options, env });
      const { stderr } = await untouched(host, () => mounted(host, { place: config, script }, start), 2);
      const message = `Cannot enroll: "${folder}" is no place that lasts: ${fault}`;
      const hint = `mount a volume there: docker run -v openclaw-agent:${folder} ...`;
      assert.equal(stderr, `error: ${message}\nhint: ${hint}\n`);
      assert.equal(desk.steps.at(-1), `started, then ${message}`);
      assert.deepEqual(desk.enrollments, []);
    }
  });
}

async function failedLater(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  await withDesk(scene, async (desk) => {
    desk.instead = (path) => path.endsWith("there") ? new Response("no", { status: 404 }) : null;
    const args = ["--binary-url", `${desk.url}/there`, "--sha256", "0".repeat(64)];
    const ended = await desk.install(host, { args });
    assertEnded(ended, 6, /Cannot fetch "there"/);
    assert.match(
      ended.stderr,
      /this host stays enrolled: run the installer again, the code is not needed any more/,
    );
    assert.deepEqual(files(await host.tree()), [host.credentials, host.manifest].sort());
    assert.deepEqual(desk.steps.slice(0, -1), ["started", "checked", "enrolled"]);
    assert.match(desk.steps.at(-1) ?? "", /^enrolled, then Cannot fetch "there": ./);
    assertEnded(await host.run([]), 0, /installed already/);
    const [agent] = desk.agents.values();
    assert.equal((await fleet.agent(agent?.id ?? "")).liveness, "online");
    assertEnded(await host.run(["--uninstall"]), 0);
    assert.deepEqual(await host.tree(), {});
  });
}

/** The reply to the first one never comes. */
async function untold(scene: Scene): Promise<void> {
  const { host } = scene;
  const over = Promise.withResolvers<Response>();
  await withDesk(scene, async (desk) => {
    desk.instead = (path) => path === "enroll/progress" ? over.promise : null;
    assertEnded(await desk.install(host, { isPatient: false }), 0);
    // On a busy machine the one request may be given up before it is heard here.
    assert.deepEqual(desk.steps.filter((step) => step !== "started"), []);
    assert.ok(desk.steps.length <= 1, desk.steps.join());
    over.resolve(new Response(null, { status: 204 }));
  });
}
