// deno-lint-ignore-file no-console -- a benchmark prints
import { createServer } from "node:http";
import { FleetClient } from "../_support/client.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { row } from "./_numbers.ts";

// How many heartbeats and handshakes a second the embedded server takes from 32 clients at once, next to a
// bare node:http server that reads the same request and answers with the same number of bytes; and what
// node:http costs, which gives up on headers that do not end, next to Deno.serve, which does not.

const clients = 32;
const seconds = 5;
const answerText = `{"ok":"${"x".repeat(90)}"}`;

if (Deno.args[0] === "node:http") serveNodeHttp();
else if (Deno.args[0] === "Deno.serve") serveDeno();
else await compare();

async function compare(): Promise<void> {
  const baseline = await measureBare("node:http");
  const denoServe = await measureBare("Deno.serve");
  console.log(row("", "requests/s", "ratio to node:http"));
  console.log(row("bare node:http", baseline.toFixed(0), "1"));
  console.log(row("bare Deno.serve", denoServe.toFixed(0), (denoServe / baseline).toFixed(3)));
  await withFolder((data) => measure("PGlite", { data, env: {}, baseline }));
  const bin = await findPostgres();
  if (bin === null) return console.log("left out: Postgres, because none is installed");
  const postgres = await startPostgres(bin);
  const env = { DATABASE_URL: await postgres.createDatabase() };
  await withFolder((data) => measure("Postgres", { data, env, baseline }));
  await postgres.remove();
}

async function measure(
  database: string,
  { data, env, baseline }: { data: string; env: Record<string, string>; baseline: number },
): Promise<void> {
  const server = await startServerProcess({ data, env });
  const client = new FleetClient(server.base, server.operatorKey);
  const agents = await Promise.all(Array.from({ length: clients }, () => client.createAgent()));
  const tokens = await Promise.all(agents.map((agent) => client.session(agent)));
  const beats = await rate((index) => post(`${server.base}/heartbeat`, beatOf(tokens[index] ?? "")));
  console.log(row(`heartbeats, ${database}`, beats.toFixed(0), (beats / baseline).toFixed(3)));
  const handshakes = await rate(async (index) => {
    const agent = agents[index];
    if (agent === undefined || (await client.handshake(agent)).status !== 200) throw new Error("no session");
  });
  console.log(row(`handshakes, ${database}`, handshakes.toFixed(0), (handshakes / baseline).toFixed(3)));
  await server.stop();
}

async function measureBare(kind: "node:http" | "Deno.serve"): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net=127.0.0.1", import.meta.filename ?? "", kind],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = ((await reader.read()).value ?? "").trim();
  const result = await rate(() => post(url, beatOf("x".repeat(540))));
  child.kill();
  await reader.cancel();
  await child.status;
  return result;
}

function serveDeno(): void {
  const onListen = ({ port }: { port: number }): void => console.log(`http://127.0.0.1:${port}/`);
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, async (request) => {
    await request.arrayBuffer();
    return new Response(answerText, { headers: { "content-type": "application/json" } });
  });
}

function serveNodeHttp(): void {
  const server = createServer((request, response) => {
    request.on("data", () => undefined);
    request.on(
      "end",
      () => response.writeHead(200, { "content-type": "application/json" }).end(answerText),
    );
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`);
  });
}

function beatOf(token: string): RequestInit {
  return {
    headers: { authorization: `Bearer ${token}` },
    body: '{"status":"healthy","metrics":{"cpu_percent":12.5}}',
  };
}

async function post(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, { method: "POST", ...init });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`answered ${response.status}`);
}

/** Requests a second, after one second that does not count. */
async function rate(request: (index: number) => Promise<void>): Promise<number> {
  const counts = { warm: 0, all: 0 };
  const begin = performance.now();
  const end = begin + (seconds + 1) * 1000;
  await Promise.all(Array.from({ length: clients }, async (_, index) => {
    while (performance.now() < end) {
      await request(index);
      counts.all += 1;
      if (performance.now() < begin + 1000) counts.warm = counts.all;
    }
  }));
  return (counts.all - counts.warm) / seconds;
}
