import type { VNode } from "preact";
import { useState } from "preact/hooks";

/** Something to paste elsewhere, with a button that copies it. */
export function CopyLine({ title, line }: { title: string; line: string }): VNode {
  const [said, say] = useState("Copy");
  return (
    <p class="line">
      <span class="soft">{title}</span>
      <code>{line}</code>
      <button
        type="button"
        aria-label={`${said}: ${title}`}
        onClick={() => void copy(line).then((isCopied) => say(isCopied ? "Copied" : "Select it to copy it"))}
      >
        {said}
      </button>
    </p>
  );
}

/** @returns whether the browser let it: it does so under https and on this host only */
function copy(line: string): Promise<boolean> {
  return Promise.resolve().then(() => navigator.clipboard.writeText(line)).then(() => true, () => false);
}
