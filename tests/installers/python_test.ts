import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { assertEnded, type Finished, Host, installPy, python, run } from "../_support/installers.ts";
import { withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { pause } from "../_support/wait.ts";
import { service } from "./_agents.ts";
import { tellCuts } from "./_cuts.ts";
import { withFront } from "./_front.ts";
import { python as withPatch } from "./_tools.ts";

const agent = { id: agentId, secret: agentSecret };

/** Tells a story of install.py, in a home that nobody has used yet. */
function story(name: string, work: (host: Host) => Promise<void>, tools: string[] = []): void {
  testWith([...python.tools, ...tools], `install.py: ${name}`, async () => {
    await withFolder(async (folder) => {
      await Deno.mkdir(join(folder, "home"));
      await work(new Host(python, folder));
    });
  });
}

story("no proxy is asked for what is on this host, by the installer and by its agent", async (host) => {
  const asked: string[] = [];
  const spy = (request: Request): Response => {
    asked.push(request.url);
    return new Response("a proxy");
  };
  await withFront(spy, async (proxy) => {
    const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    const env = Object.fromEntries(names.map((name) => [name, proxy]));
    const beaten = Promise.withResolvers<void>();
    let beats = 0;
    const counted = (request: Request): Response => {
      // The first one is the installer's.
      if (request.method === "POST" && request.url.endsWith("/heartbeat") && ++beats === 2) beaten.resolve();
      return service(request);
    };
    await withFront(counted, async (url) => {
      assertEnded(await host.install(agent, url, { env }), 0);
      const running = new Deno.Command(host.program, {
        args: ["monitor"],
        clearEnv: true,
        env: { PATH: Deno.env.get("PATH") ?? "", HOME: host.home, ...env },
      }).spawn();
      await beaten.promise;
      running.kill("SIGTERM");
      assert.equal((await running.status).code, 0);
    });
    assert.deepEqual(asked, []);
  });
});

story("interrupted while it writes any of its files, it leaves nothing", async (host) => {
  await withFront(service, async (url) => {
    for (const count of [1, 2, 3]) {
      const patch = `
import os, signal
sync, calls = os.fsync, []
def fsync(descriptor):
    calls.append(descriptor)
    if len(calls) == ${count}:
        os.kill(os.getpid(), signal.SIGTERM)
    sync(descriptor)
os.fsync = fsync`;
      const ended = await host.install(agent, url, { env: await withPatch(host, patch) });
      assertEnded(ended, 1, /what was done has been undone\nerror: Cannot go on: it was interrupted\n$/);
      assert.deepEqual(await host.tree(), {}, `at file ${count}`);
    }
  });
});

/** Listens for one request after the other, and answers with some bytes and the end of the connection. */
async function withRaw(
  answer: (connection: Deno.TcpConn) => Promise<void>,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(16384));
      try {
        await answer(connection);
      } catch (error) {
        // Whoever asked has gone.
        if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
          throw error;
        }
      }
      connection.close();
    }
  })();
  try {
    await work(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    await served;
  }
}

testWith(
  python.tools,
  "install.py: a redirect of a download may not change its scheme, at any hop",
  async () => {
    const script = `
import json, sys
names = {"__name__": "installer"}
with open(sys.argv[1], encoding="utf-8") as file:
    exec(file.read().rpartition("main(sys.argv")[0], names)
request, shown = names["urllib"].request.Request, []
for here, there in (("https", "https"), ("https", "http"), ("http", "http"), ("http", "https"), ("https", "HTTPS")):
    try:
        names["SameScheme"]().redirect_request(request(here + "://localhost/"), None, 302, "", {}, there + "://localhost/a")
        shown.append("followed")
    except OSError as error:
        shown.append(error.reason)
json.dump(shown, sys.stdout)
`;
    const { code, stdout, stderr } = await run(["python3", "-c", script, installPy]);
    assert.equal(code, 0, stderr);
    const refused = "it redirects to another protocol";
    assert.deepEqual(JSON.parse(stdout), ["followed", refused, "followed", refused, "followed"]);
  },
);

story("a server that dribbles is given up after fifteen seconds", async (host) => {
  const dribble = async (connection: Deno.TcpConn): Promise<void> => {
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"));
    for (let count = 0; count < 40; count++) {
      await connection.write(new TextEncoder().encode(" "));
      await pause(500);
    }
  };
  await withRaw(dribble, async (url) => {
    // The server itself would end after 20 s, with another error.
    assertEnded(await host.install(agent, url), 6, /Cannot reach .*: timed out/);
  });
});

const outlets = ["1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "1>/dev/full", "2>/dev/full"];

story("nobody who listens is no reason to fail", async (host) => {
  await withFront(service, async (url) => {
    for (const outlet of outlets) {
      const wrapper = ["sh", "-c", `"$@" ${outlet}`, "sh"];
      const ended = await host.install(agent, url, { wrapper });
      assert.equal(ended.code, 0, `${outlet}: ${ended.stderr}`);
      assert.doesNotMatch(ended.stderr, /Traceback|Exception/, outlet);
      assert.ok(await Deno.readTextFile(host.program), outlet);
      assert.equal((await host.run(["--uninstall"], { wrapper })).code, 0, outlet);
      assert.deepEqual(await host.tree(), {}, outlet);
    }
  });
});

story("what the terminal's encoding lacks is shown otherwise", async (host) => {
  const home = join(host.home, "日本");
  await Deno.mkdir(home);
  const env = { HOME: home, PYTHONIOENCODING: "ascii" };
  await withFront(service, async (url) => {
    const ended = await host.install(agent, url, { env });
    assertEnded(ended, 0, /installed .*\\u65e5\\u672c\/\.config/);
  });
});

story("what is in the way of its temporary files is no traceback", async (host) => {
  await Deno.mkdir(`${host.program}.openclaw-new/inner`, { recursive: true });
  const before = await host.tree();
  await withFront(service, async (url) => {
    assertEnded(
      await host.install(agent, url),
      1,
      /has been undone\nerror: Cannot write ".*\/openclaw-agent"/,
    );
  });
  assert.deepEqual(await host.tree(), before);
});

story("what nobody foresaw is undone", async (host) => {
  const patch = "import os\ndef fsync(_):\n    raise ZeroDivisionError('by zero')\nos.fsync = fsync";
  await withFront(service, async (url) => {
    const ended = await host.install(agent, url, { env: await withPatch(host, patch) });
    assertEnded(ended, 1, /what was done has been undone\nerror: Cannot go on: by zero\n$/);
  });
  assert.deepEqual(await host.tree(), {});
});

story("somebody's own openclaw.old and openclaw.new stay", async (host) => {
  await Deno.mkdir(dirname(host.program), { recursive: true });
  for (const end of ["old", "new"]) await Deno.writeTextFile(`${host.program}.${end}`, "mine");
  const before = await host.tree();
  await withFront(service, async (url) => {
    assertEnded(await host.install(agent, url), 0);
    await Deno.writeTextFile(`${host.program}.openclaw-new`, "half of a program");
    assertEnded(await host.run(["--uninstall"]), 0);
  });
  const kept = Object.entries(before).filter(([path]) => /\.(old|new)$/.test(path));
  assert.deepEqual(Object.entries(await host.tree()).filter(([path]) => /bin\/./.test(path)), kept);
});

story("run again without any option, a binary stays the program", async (host) => {
  const binary = join(dirname(host.home), "openclaw");
  await Deno.writeTextFile(binary, "#!/bin/sh\necho 0.1.0\n", { mode: 0o755 });
  const { stdout } = await run(["sha256sum", binary]);
  await withFront(service, async (url) => {
    const args = ["--binary", binary, "--sha256", stdout.slice(0, 64)];
    assertEnded(await host.install(agent, url, { args }), 0);
    const before = await host.tree();
    assertEnded(await host.run([]), 0, /nothing had to be changed/);
    assert.deepEqual(await host.tree(), before);
    assertEnded(await host.run(["--script-agent"]), 0);
    assert.match(await Deno.readTextFile(host.program), /Written by openclaw/);
  });
});

/** Breaks the host's manifest, and returns what is there then. */
async function breakManifest(host: Host, fault: (whole: string) => string): ReturnType<Host["tree"]> {
  const whole = await Deno.readTextFile(host.manifest);
  assert.notEqual(fault(whole), whole);
  await Deno.writeTextFile(host.manifest, fault(whole));
  return await host.tree();
}

story("a manifest that lists what is not a hash is 5, and nothing is removed", async (host) => {
  await withFront(service, async (url) => assertEnded(await host.install(agent, url), 0));
  const before = await breakManifest(host, (whole) => whole.replace(/"[0-9a-f]{64}"/, "7"));
  const message =
    /Cannot read the manifest ".*install\.json": it is not as an installer wrote it\nhint: look/;
  assertEnded(await host.run(["--uninstall"]), 5, message);
  assert.deepEqual(await host.tree(), before);
});

story("a manifest that is broken says nothing of what is ours, and nothing is replaced", async (host) => {
  await withFront(service, async (url) => {
    assertEnded(await host.install(agent, url), 0);
    const before = await breakManifest(host, (whole) => whole.slice(0, -3));
    assertEnded(await host.run([]), 5, /Cannot read the manifest/);
    assert.deepEqual(await host.tree(), before);
  });
});

story("URLs whose host is half an address are refused", async (host) => {
  for (const url of ["https://a[b]", "https://[x]"]) {
    assertEnded(await host.install(agent, url), 2, /Cannot use the URL/);
  }
  assertEnded(await host.install(agent, "http://127.0.0.1:99999"), 6, /Cannot reach/);
});

story("what the server says is shown without what a terminal would act on", async (host) => {
  const description = "one\u001b[31m \u009b31m \u202etwo";
  const answer = (): Response =>
    Response.json({ error: "x", error_description: description }, { status: 403 });
  await withFront(answer, async (url) => {
    assertEnded(await host.install(agent, url), 6, /the server answers 403 x: one\[31m \?31m \?two\n/);
  });
});

story("cut at any line, it does nothing", (host) => tellCuts(host, { every: 45, last: 20 }));

const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

story("without the right to remove all of it, it removes nothing", async (host) => {
  await Deno.chmod(dirname(host.home), 0o755);
  await Deno.chown(host.home, 65534, 65534);
  const asUser = (url: string, args: string[]): Promise<Finished> =>
    run([...user, "python3", "-W", "error", installPy, ...args], {
      env: {
        HOME: host.home,
        PATH: "/usr/bin:/bin",
        OPENCLAW_URL: url,
        OPENCLAW_AGENT_ID: agentId,
        OPENCLAW_AGENT_SECRET: agentSecret,
      },
    });
  await withFront(service, async (url) => {
    assertEnded(await asUser(url, []), 0);
    await Deno.chown(dirname(host.program), 0, 0);
    await Deno.chmod(dirname(host.program), 0o755);
    const before = await host.tree();
    const ended = await asUser(url, ["--uninstall"]);
    assertEnded(
      ended,
      1,
      /Cannot remove ".*bin\/openclaw-agent": this user may not\nhint: run it as the user who/,
    );
    assert.doesNotMatch(ended.stdout, /removed/);
    assert.deepEqual(await host.tree(), before);
    await Deno.chown(dirname(host.program), 65534, 65534);
    assertEnded(await asUser(url, ["--uninstall"]), 0);
    assert.deepEqual(await host.tree(), {});
  });
}, ["root", "setpriv"]);
