/** Tells what was meant by a name that nobody knows. */

/** The name that at most two letters set apart from this one. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const near = names
    .map((each) => ({ each, distance: distanceOf(name, each) }))
    .filter(({ distance }) => distance <= 2);
  return near.toSorted((a, b) => a.distance - b.distance || (a.each < b.each ? -1 : 1))[0]?.each;
}

/** Letters to add, take away or change (Levenshtein); 3 for three or more, as far as the lengths tell. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
