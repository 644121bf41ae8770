// Stands in for the Edge Runtime around one function, whose index.ts is the argument: it decides where the
// function listens, and takes the work after a reply. Prints its address.
const serve = Deno.serve;
const write = (line: string): void => void Deno.stdout.write(new TextEncoder().encode(`${line}\n`));

Object.defineProperty(Deno, "serve", {
  value: (handler: Deno.ServeHandler<Deno.NetAddr>) =>
    serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: ({ port }) => write(`http://127.0.0.1:${port}`),
    }, handler),
});
Object.assign(globalThis, { EdgeRuntime: { waitUntil: (work: Promise<unknown>) => void work } });
await import(Deno.args[0] ?? "");
