import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useAct } from "./_use.ts";

interface Question {
  title: string;
  /** What the button says that does it; null where there is nothing to do any more. */
  verb: string | null;
  /** Whether it takes something away. */
  isHarsh?: boolean | undefined;
  isReady?: boolean | undefined;
  onLeave: () => void;
  /** Does it, with what the fields hold. The dialog stays where this is false. */
  perform: (fields: FormData) => Promise<boolean | void>;
  children: ComponentChildren;
}

/** Says what an act will do, and does it when that is confirmed. It stays, and says why, when the server refuses. */
export function Dialog(
  { title, verb, isHarsh = false, isReady = true, onLeave, perform, children }: Question,
): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const { refusal, isBusy, run } = useAct();
  useEffect(() => dialog.current?.showModal(), []);
  // By the dialog's own end the focus goes back to where it was.
  const leave = (): void => dialog.current?.close();
  return (
    <dialog ref={dialog} aria-labelledby="asked" onClose={onLeave}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          if (verb === null) leave();
          else run(async () => void (await perform(fields) === false || leave()));
        }}
      >
        <h2 id="asked">
          <bdi>{title}</bdi>
        </h2>
        {children}
        {refusal !== null && <p class="alert" role="alert">{refusal}</p>}
        <p class="buttons">
          <button type="button" onClick={leave}>
            {verb === null ? "Close" : "Cancel"}
          </button>
          {verb !== null && (
            <button
              type="submit"
              class={isHarsh ? "main harsh" : "main"}
              disabled={isBusy || !isReady}
            >
              {verb}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}
