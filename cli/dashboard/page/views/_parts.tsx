import type { VNode } from "preact";

/** Parts that somebody else may have named, each by itself: none changes the direction in which another is written. */
export function Parts({ of, between }: { of: readonly (string | null)[]; between: string }): VNode {
  const known = of.filter((part) => part !== null && part !== "");
  return (
    <>
      {known.map((part, index) => (
        <span key={index}>
          {index > 0 && between}
          <bdi>{part}</bdi>
        </span>
      ))}
    </>
  );
}
