import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { assertEnded, Host } from "../../_support/installers.ts";
import { forward, withFront } from "../_front.ts";
import { atOnceMs, type Scenario, type Scene, standIn, terminated } from "../_scene.ts";

/** What all installers are held to: runs that are ended in the middle. */
export const interruptions: Scenario[] = [
  { name: "interrupted in a download, it ends at once and leaves nothing", work: interruptedDownload },
  {
    name: "killed at random moments and run again, it is installed, and uninstalled without a rest",
    work: killed,
    alone: "only",
  },
  { name: "interrupted, it undoes what it did", work: interrupted, alone: "too" },
  { name: "interrupted while the server lets it wait, it ends at once", work: interruptedRequest },
];

async function interruptedDownload({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const { sum } = await standIn(host);
  const over = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const front = (): Response => {
    asked.resolve();
    const drip = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode("#!/bin/sh\n")),
      async pull(controller) {
        await over.promise;
        controller.close();
      },
      cancel: () => over.resolve(),
    });
    return new Response(drip);
  };
  await withFront(front, async (there) => {
    const args = ["--binary-url", `${there}/openclaw`, "--sha256", sum];
    const { stderr, took } = await terminated(
      host,
      asked.promise,
      (options) => host.install(agent, url, { args, ...options }),
    );
    assert.match(stderr, /what was done has been undone\nerror: Cannot go on: it was interrupted/);
    assert.ok(took < atOnceMs, `it took ${took} ms`);
    over.resolve();
  });
  assert.deepEqual(await host.tree(), {});
}

/** The installer with 600 s for a reply in place of 15 s: what ends before that did not wait for it. */
async function unhurried({ language, home }: Host): Promise<Host> {
  const whole = await Deno.readTextFile(language.file);
  const patient = whole.replaceAll(/(:-|\bseconds=|\$Seconds = )15\b/g, "$1600");
  assert.notEqual(patient, whole);
  const file = join(dirname(home), `unhurried.${language.extension}`);
  await Deno.writeTextFile(file, patient);
  return new Host({ ...language, file }, dirname(home));
}

async function killed({ host, fleet, url, random, kills }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  // It is killed in processes of its own.
  const start = performance.now();
  assertEnded(await host.install(agent, url, { wrapper: ["env"] }), 0);
  const whole = performance.now() - start;
  assertEnded(await host.run(["--uninstall"]), 0);
  for (let kill = 0; kill < kills; kill++) {
    // The first half of a run of PowerShell is its start.
    const share = host.language.extension === "ps1" ? 0.5 + random.next() / 2 : random.next();
    const moment = (whole * share / 1000).toFixed(3);
    await host.install(agent, url, { wrapper: ["timeout", "--signal=KILL", moment] });
  }
  assertEnded(await host.install(agent, url), 0);
  const installed = Object.keys(await host.tree());
  assert.deepEqual(installed.filter((path) => /\.openclaw-(new|old)$/.test(path)), []);
  assertEnded(await host.run(["--uninstall"]), 0);
  // What was made for the manifest, before it could say so, is nobody's.
  const rest = Object.keys(await host.tree()).filter((path) => !/\/\.config$/.test(path));
  assert.deepEqual(rest, []);
}

/** The reply to the first heartbeat comes when it has been interrupted. */
async function interrupted({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  const told = Promise.withResolvers<void>();
  const slow = async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/heartbeat")) {
      asked.resolve();
      await told.promise;
    }
    return await forward(request, url, JSON.stringify);
  };
  await withFront(slow, async (front) => {
    const { stderr } = await terminated(
      host,
      asked.promise,
      (options) => host.install(agent, front, options),
      told.resolve,
    );
    assert.match(stderr, /what was done has been undone/);
    assert.match(stderr, /error: Cannot go on: it was interrupted/);
  });
  assert.deepEqual(await host.tree(), {});
}

/** The reply to the first heartbeat never comes: an installer that is interrupted does not wait for it. */
async function interruptedRequest({ host: hurried, fleet, url }: Scene): Promise<void> {
  const host = await unhurried(hurried);
  const agent = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const hang = async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/heartbeat")) {
      asked.resolve();
      await over.promise;
    }
    return await forward(request, url, JSON.stringify);
  };
  await withFront(hang, async (front) => {
    const { stderr, took } = await terminated(
      host,
      asked.promise,
      (options) => host.install(agent, front, options),
    );
    assert.match(stderr, /what was done has been undone\nerror: Cannot go on: it was interrupted/);
    assert.ok(took < atOnceMs, `it took ${took} ms`);
    over.resolve();
  });
  assert.deepEqual(await host.tree(), {});
}
