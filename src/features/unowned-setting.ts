/** What is said of the keys of the ConfigMap that no feature owns. */
import type { Problem } from '../model/problem.ts';
import { ingressNginxSettings } from './ingress-nginx-settings.ts';
import { nearest } from './nearest-name.ts';

export type UnownedKey = Pick<Problem, 'reason' | 'severity' | 'message' | 'fix'>;

/** @returns undefined where the value asks for what Sluice does anyway. */
export function unownedKeyProblem(key: string, value: string, owned: readonly string[]): UnownedKey | undefined {
  const known = ingressNginxSettings.get(key);
  if (known === undefined) {
    const near = nearest(key, [...owned, ...ingressNginxSettings.keys()]);
    const fix = near === undefined ? 'remove it, or correct its name' : `write ${near}, if that is meant`;
    return { reason: 'UnknownSetting', severity: 'warning', message: 'this key is not known, and does nothing', fix };
  }
  if (known.isMet?.test(value) === true || value === '') return undefined;
  const { why, fix } = known;
  switch (known.kind) {
    case 'harmless':
      return { reason: 'NeedlessSetting', severity: 'info', message: `this key does nothing: ${why}`, fix };
    case 'protection':
      return { reason: 'UnsupportedProtection', severity: 'error', message: why, fix };
    case 'unsupported':
      return { reason: 'UnsupportedSetting', severity: 'warning', message: `this key does nothing: ${why}`, fix };
  }
}
