import { describe, expect, it } from '@jest/globals';
import { placeForeign } from '../../src/ingress/foreign-expressions.ts';
import type { PathMatch, Route } from '../../src/model/host.ts';
import { noPolicies } from '../../src/model/policy.ts';

function route(match: PathMatch): Route {
  const object = { kind: 'Ingress', namespace: 'default', name: 'web' };
  return { match, action: { kind: 'unavailable' }, policies: noPolicies, origin: { object, field: '' } };
}

const own = [
  route({ kind: 'exact', path: '/admin' }),
  route({ kind: 'prefix', path: '/shop' }),
  route({ kind: 'prefix', path: '' }),
];

describe('an expression of a namespace that the host does not belong to', () => {
  it.each([
    ['/admin/.*', 0],
    ['/admi[n]', 1],
    ['/ADMIN', 1],
    ['/shop(/|$)(.*)', 2],
    ['/shop?', 2],
    ['/shop/sale', 0],
    [String.raw`/sho\x70`, 2],
    [String.raw`/shop\.html`, 0],
    ['/(.*)', 3],
    ['/nothing|/admin', 3],
    ['/?admin', 3],
  ])('%s comes after the paths of the owner that lie in what it begins with', (path, place) => {
    const foreign = route({ kind: 'regex', path });
    expect(placeForeign(own, [foreign]).routes.indexOf(foreign)).toBe(place);
  });

  it('is told where it begins as a path of the owner does', () => {
    const foreign = ['/(.*)', '/shop/?', '/api'].map((path) => route({ kind: 'regex', path }));
    const { overlaps } = placeForeign(own, foreign);
    expect(overlaps.map((each) => [foreign.indexOf(each.route), own.indexOf(each.owner)])).toEqual([
      [0, 2],
      [1, 1],
    ]);
  });
});
