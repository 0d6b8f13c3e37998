/** What is said of an annotation under our prefix that no feature owns. */
import type { Problem } from '../model/problem.ts';
import { ingressNginxAnnotations, protectiveAnnotations } from './ingress-nginx-annotations.ts';
import { nearest } from './nearest-name.ts';

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
