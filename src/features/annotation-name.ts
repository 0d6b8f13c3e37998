/** What is said of an annotation under our prefix that no feature owns. */
import type { Problem } from '../model/problem.ts';
import { ingressNginxAnnotations, protectiveAnnotations } from './ingress-nginx-annotations.ts';

const known: ReadonlySet<string> = new Set(ingressNginxAnnotations);

export function unownedProblem(
  name: string,
  value: string,
  owned: readonly string[],
): Pick<Problem, 'reason' | 'severity' | 'message' | 'fix'> {
  if (protectiveAnnotations.get(name)?.test(value) === true) {
    const message =
      'this protection is not supported; so that nothing is open that should not be, its paths answer 503';
    const fix = 'protect the backend itself, and then remove the annotation';
    return { reason: 'UnsupportedProtection', severity: 'error', message, fix };
  }
  if (known.has(name)) {
    const message = 'this annotation of ingress-nginx is not supported, and does nothing';
    return { reason: 'UnsupportedAnnotation', severity: 'warning', message, fix: 'remove it if nothing depends on it' };
  }
  const near = nearest(name, [...owned, ...known]);
  const message = 'this annotation is not known, and does nothing';
  const fix = near === undefined ? 'remove it, or correct its name' : `write ${near}, if that is meant`;
  return { reason: 'UnknownAnnotation', severity: 'warning', message, fix };
}

/** The name that at most two letters set apart from this one. */
function nearest(name: string, names: readonly string[]): string | undefined {
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
