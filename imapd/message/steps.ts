/**
 * Long work in steps: generators that yield every few milliseconds, so that the caller can let others run.
 */

/** Runs a generator to its end without letting others run. */
export function finish<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Elements that one step looks at: a millisecond or two, whatever the comparison. */
export const ELEMENTS_PER_STEP = 2_048;

/** Sorts into a new array, as `Array.prototype.sort` does: runs are sorted, then merged pair by pair. */
export function* sorted<T>(elements: readonly T[], compare: (one: T, other: T) => number): Generator<void, T[], void> {
  let runs: T[][] = [];
  for (let start = 0; start < elements.length; start += ELEMENTS_PER_STEP) {
    runs.push(elements.slice(start, start + ELEMENTS_PER_STEP).sort(compare));
    if (elements.length > ELEMENTS_PER_STEP) yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      merged.push(yield* merge(runs[index] ?? [], runs[index + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(one: T[], other: T[], compare: (one: T, other: T) => number): Generator<void, T[], void> {
  if (other.length === 0) return one;
  const merged: T[] = [];
  let left = 0;
  let right = 0;
  while (left < one.length && right < other.length) {
    const first = one[left] as T;
    const second = other[right] as T;
    // Of equals the left one comes first, so that the order of equals stays.
    if (compare(first, second) <= 0) {
      merged.push(first);
      left += 1;
    } else {
      merged.push(second);
      right += 1;
    }
    if (merged.length % ELEMENTS_PER_STEP === 0) yield;
  }
  for (; left < one.length; left += 1) merged.push(one[left] as T);
  for (; right < other.length; right += 1) merged.push(other[right] as T);
  return merged;
}
