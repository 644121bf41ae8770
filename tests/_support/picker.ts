/** What a test picks by its random numbers. */
export interface Picker {
  /** A whole number from 0 to this one, which is excluded. */
  below: (end: number) => number;
  chance: (probability: number) => boolean;
  one: <Item>(list: readonly Item[]) => Item;
  /** Each with a chance of one half. */
  some: <Item>(list: readonly Item[]) => Item[];
  shuffled: <Item>(list: readonly Item[]) => Item[];
}

export function pickerOf(random: () => number): Picker {
  const below = (end: number): number => Math.floor(random() * end);
  return {
    below,
    chance: (probability) => random() < probability,
    one(list) {
      const [picked] = list.slice(below(list.length));
      if (picked === undefined) throw new RangeError("Cannot pick: the list is empty, or has a hole");
      return picked;
    },
    some: (list) => list.filter(() => random() < 0.5),
    shuffled: (list) =>
      list.map((item) => ({ item, key: random() })).sort((one, other) => one.key - other.key)
        .map(({ item }) => item),
  };
}
