import { signal } from "@preact/signals-core";
import { useEffect, useRef, useState } from "preact/hooks";
import { act, get } from "../api.ts";
import { readAgain } from "../live.ts";

/** How many acts were done: after each, everything that is shown is asked for again. */
const acted = signal(0);

/** What a view has asked for, and what came of it. */
export interface Fetched<Reply> {
  reply: Reply | null;
  refusal: string | null;
}

/** Asks for something when the path changes, after each act, and again each `everyMs`. */
export function useFetched<Reply extends object>(path: string | null, everyMs = 0): Fetched<Reply> {
  const [state, setState] = useState<Fetched<Reply>>({ reply: null, refusal: null });
  useEffect(() => {
    if (path === null) return setState({ reply: null, refusal: null });
    const controller = new AbortController();
    const ask = (): void => {
      get<Reply>(path, controller.signal)
        .then((reply) => setState({ reply, refusal: null }))
        .catch((error: Error) => {
          if (!controller.signal.aborted) {
            setState((before) => ({ ...before, refusal: error.message }));
          }
        });
    };
    ask();
    const timer = everyMs === 0 ? undefined : setInterval(ask, everyMs);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [path, acted.value]);
  return state;
}

/** Does something, one at a time, and keeps what the server refused. */
export function useAct(): {
  refusal: string | null;
  isBusy: boolean;
  run: (work: () => Promise<void>) => void;
} {
  const [refusal, refuse] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const busy = useRef(false);
  const run = (work: () => Promise<void>): void => {
    if (busy.current) return;
    busy.current = true;
    setBusy(true);
    refuse(null);
    work().then(() => {
      readAgain();
      acted.value++;
    }, (error: Error) => refuse(error.message)).finally(() => {
      busy.current = false;
      setBusy(false);
    });
  };
  return { refusal, isBusy, run };
}

let saying: ReturnType<typeof setTimeout>;

/** Says what was done, for some seconds, below everything else. */
export function tell(text: string): void {
  const place = document.getElementById("said") ?? document.createElement("p");
  if (place.id === "") {
    place.id = "said";
    place.role = "status";
    document.body.append(place);
  }
  clearTimeout(saying);
  // What is announced is what changes in a place that is there already.
  saying = setTimeout(() => {
    place.textContent = text;
    saying = setTimeout(() => place.textContent = "", 6000);
  });
}

export { act };
