/** How the path of a rule is spelled for Envoy; what it matches there is shown in test/envoy/ingress-api. */
import { describe, expect, it } from '@jest/globals';
import { asRegex, parsePathMatch } from '../../src/ingress/path-match.ts';

describe('the path of a rule', () => {
  it.each([
    ['/%7Euser', '/~user'],
    ['/%61%2D%5F%2e', '/a-_.'],
    ['/käse', '/k%C3%A4se'],
    ['/🧀', '/%F0%9F%A7%80'],
    ['/{id}', '/%7Bid%7D'],
    ['/a%20b%2Fc%zz', '/a%20b%2Fc%zz'],
  ])('that is written %s is %s in a request', (written, spelled) => {
    expect(parsePathMatch(written, 'Exact')).toMatchObject({ kind: 'exact', path: spelled });
    expect(parsePathMatch(`${written}/`, 'Prefix')).toMatchObject({ kind: 'prefix', path: spelled });
  });

  it('is what was written where the paths of its host are expressions', () => {
    const match = parsePathMatch('/v[0-9]{1,2}/', 'Prefix');
    expect(match.kind === 'invalid' ? match : asRegex(match)).toEqual({ kind: 'regex', path: '/v[0-9]{1,2}/' });
  });
});
