// Loaded before the program: says at its end what it can still do, and what it did before it gave up the rest.
import { abilities } from "../../cli/host/permissions.ts";

let hasGivenUp = false;
const early: string[] = [];
const { exit } = Deno;
const revoke = Deno.permissions.revoke.bind(Deno.permissions);
const { Command, connect, connectTls } = Deno;
const ask = globalThis.fetch;

Deno.permissions.revoke = (descriptor) => {
  hasGivenUp = true;
  return revoke(descriptor);
};
Deno.connect = watched("connect", connect);
Deno.connectTls = watched("connectTls", connectTls);
globalThis.fetch = watched("fetch", ask);
Deno.Command = class extends Command {
  constructor(...given: ConstructorParameters<typeof Command>) {
    note("run");
    super(...given);
  }
};
Deno.exit = (code): never => {
  const able = abilities.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
  // deno-lint-ignore no-console -- what the test reads
  console.error(`WATCHED ${JSON.stringify({ able, early })}`);
  return exit(code);
};

function watched<Work extends (...given: never[]) => unknown>(name: string, work: Work): Work {
  return new Proxy(work, {
    apply(target, self, given) {
      note(name);
      return Reflect.apply(target, self, given);
    },
  });
}

function note(name: string): void {
  if (!hasGivenUp) early.push(name);
}
