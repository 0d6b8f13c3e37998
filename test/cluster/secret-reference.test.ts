import { describe, expect, it } from '@jest/globals';
import { referencedSecrets } from '../../src/cluster/secret-reference.ts';
import { ingress, service } from '../support/objects.ts';

describe('the Secrets that an Ingress names', () => {
  it('are those of its TLS entries and of annotations, under any prefix', () => {
    const named = ingress('a', {
      namespace: 'shop',
      tls: [
        { hosts: ['a.test'], secretName: 'pair' },
        { hosts: ['b.test'], secretName: '' },
      ],
      annotations: {
        'nginx.ingress.kubernetes.io/auth-secret': ' users ',
        'own.example/auth-tls-secret': 'other/ca',
        'nginx.ingress.kubernetes.io/proxy-ssl-secret': 'shop/backend',
        'nginx.ingress.kubernetes.io/auth-secret-type': 'auth-file',
        'nginx.ingress.kubernetes.io/auth-url': 'x',
      },
    });
    expect(referencedSecrets(named)).toEqual(['shop/pair', 'shop/users', 'shop/backend', 'other/ca']);
  });

  it('are none where the text is no name', () => {
    for (const text of ['', 'a/b/c', '../x', 'a/..', 'a..b', 'A B', '/x', 'x/']) {
      expect(referencedSecrets(ingress('a', { annotations: { 'x/auth-secret': text } }))).toEqual([]);
    }
    expect(referencedSecrets(service('web', { http: 80 }))).toEqual([]);
  });
});
