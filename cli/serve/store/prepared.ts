import { Buffer } from "node:buffer";
import { parse, type PGlite, protocol } from "@electric-sql/pglite";
import type { SqlCall } from "../../../supabase/functions/_shared/database/port.ts";
import { callParameters, callStatement } from "./connection.ts";

type Messages = Awaited<ReturnType<PGlite["execProtocolStream"]>>;

interface Statement {
  name: string;
  /** What Postgres said of its rows when it was prepared. */
  description: Messages;
}

const { serialize } = protocol;

/**
 * Calls SQL functions by statements that Postgres prepares once, each call in one message. PGlite's own `query` sends
 * six, and has the statement parsed and planned anew. PGlite's `transaction` holds back `query` and `exec`, and not these
 * calls: after the migrations, nothing may open one.
 */
export class PreparedCalls {
  readonly #database: PGlite;
  readonly #statements = new Map<string, Statement>();
  #named = 0;

  constructor(database: PGlite) {
    this.#database = database;
  }

  /** The function's result. It fails as the statement does, with an error that has its SQLSTATE as `code`. */
  make(call: SqlCall): Promise<unknown> {
    const text = callStatement(call);
    const values = callParameters(call).map(valueText);
    return this.#database.runExclusive(async () => {
      const { name, description } = this.#statements.get(text) ?? await this.#prepare(text);
      const reply = await this.#send([
        serialize.bind({ statement: name, values }),
        serialize.execute(),
        serialize.sync(),
      ]);
      const [result] = parse.parseResults([...description, ...reply], this.#database.parsers);
      return result?.rows[0]?.result ?? null;
    });
  }

  async #prepare(text: string): Promise<Statement> {
    const name = `call_${++this.#named}`;
    const said = await this.#send([
      serialize.parse({ name, text }),
      serialize.describe({ type: "S", name }),
      serialize.sync(),
    ]);
    const statement = { name, description: said.filter((message) => message.name === "rowDescription") };
    this.#statements.set(text, statement);
    return statement;
  }

  #send(messages: Uint8Array[]): Promise<Messages> {
    return this.#database.execProtocolStream(Buffer.concat(messages));
  }
}

/** A text, a number, true or false as Postgres reads it; the text of an array; and all else as JSON. */
function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
