/** Spans: numbers from one to another, as pairs. UIDs and rows are counted in them, so that nothing is expanded. */

/** First and last, both included. */
export type Span = readonly [first: number, last: number];

/** Sorts spans and joins those that touch, so that each number is in one of them at most. */
export function joinedSpans(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const [first, last] of [...spans].sort(([one], [other]) => one - other)) {
    const previous = result.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) {
      result[result.length - 1] = [previous[0], Math.max(previous[1], last)];
    } else {
      result.push([first, last]);
    }
  }
  return result;
}
