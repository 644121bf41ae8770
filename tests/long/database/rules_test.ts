import { playBeats } from "../../_support/beats_rounds.ts";
import { playHistory } from "../../_support/history_rounds.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { playHandshakes } from "../../_support/sessions_rounds.ts";

const rounds = share(2000);

Deno.test(`${rounds} random lists of heartbeats → the verdicts and the rows of the contract's rules`, () =>
  playBeats(rounds, seededRandom("heartbeats").next));

Deno.test(`${rounds} random lists of handshakes → the replies and the rows of the contract's rules`, () =>
  playHandshakes(rounds, seededRandom("handshakes").next));

Deno.test(`${rounds} random lists of beats, kept as history now and then → what is told is what the beats themselves say`, () =>
  playHistory(rounds, seededRandom("history").next));
