/** Classes that come, change and go while Ingresses stay as they are: who is served follows at once. */
import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { Translation } from '../../src/translation/translation.ts';
import { applied, deleted, ingress, ingressClass } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const ours = 'sluice.dev/ingress-controller';
const named = ingress('named', { className: 'edge', hosts: { 'named.test': { '/': 'web:80' } } });
const none = ingress('none', { className: null, hosts: { 'none.test': { '/': 'web:80' } } });
const legacy = ingress('legacy', {
  className: null,
  annotations: { 'kubernetes.io/ingress.class': 'edge' },
  hosts: { 'legacy.test': { '/': 'web:80' } },
});

/** The hosts of plain HTTP after each step. */
function follow(
  ...steps: readonly (readonly [step: (object: KubernetesObject) => ReturnType<typeof applied>, KubernetesObject])[]
) {
  const translation = new Translation(translationOptions);
  const hosts = new Set<string>();
  translation.update([named, none, legacy].map(applied));
  return steps.map(([step, object]) => {
    translation.update([step(object)]);
    for (const { name, resource } of translation.commit()) {
      const host = /^http\/(.+\.test)$/.exec(name)?.[1];
      if (host === undefined) continue;
      if (resource === undefined) hosts.delete(host);
      else hosts.add(host);
    }
    return [...hosts].toSorted().join(' ');
  });
}

describe('an IngressClass', () => {
  it('brings the Ingresses that name it when it comes, and takes them away when it goes', () => {
    expect(
      follow(
        [applied, ingressClass('edge', ours)],
        [deleted, ingressClass('edge')],
        [applied, ingressClass('edge', ours)],
      ),
    ).toEqual(['legacy.test named.test', '', 'legacy.test named.test']);
  });

  it('becomes and ceases to be the default', () => {
    expect(
      follow(
        [applied, ingressClass('edge', ours)],
        [applied, ingressClass('edge', ours, true)],
        [applied, ingressClass('edge', ours)],
        [applied, ingressClass('other', ours, true)],
        [deleted, ingressClass('other')],
      ),
    ).toEqual([
      'legacy.test named.test',
      'legacy.test named.test none.test',
      'legacy.test named.test',
      'legacy.test named.test none.test',
      'legacy.test named.test',
    ]);
  });

  it('is made anew for another controller, which takes its Ingresses over, and back', () => {
    expect(
      follow(
        [applied, ingressClass('edge', ours, true)],
        [applied, ingressClass('edge', 'else.dev/controller', true)],
        [applied, ingressClass('edge', ours, true)],
      ),
    ).toEqual(['legacy.test named.test none.test', '', 'legacy.test named.test none.test']);
  });
});
