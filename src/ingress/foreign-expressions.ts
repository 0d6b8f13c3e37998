/**
 * Where paths of several namespaces merge, whose expressions come when: those of a namespace that a host does not belong to change
 * neither what the owner's paths mean, nor who serves them. Such an expression counts like a `Prefix` of the text that it begins with.
 */
import type { PathMatch, Route } from '../model/host.ts';
import { hasAlternatives } from '../model/path-regex.ts';

/** An expression that is left what the path of the owner does not match. */
export interface Overlap {
  readonly route: Route;
  readonly owner: Route;
}

/**
 * @param own paths of the owner, as they are looked at
 * @param foreign those of others, in the same way; their order stays between two paths of the owner
 */
export function placeForeign(
  own: readonly Route[],
  foreign: readonly Route[],
): { readonly routes: readonly Route[]; readonly overlaps: readonly Overlap[] } {
  const literals = own.map(({ match }) => literalOf(match));
  const before: Route[][] = [...own, undefined].map(() => []);
  const overlaps: Overlap[] = [];
  for (const route of foreign) {
    const literal = literalOf(route.match);
    // What the owner serves below that text, the owner goes on to serve.
    before[literals.findLastIndex((each) => each.startsWith(literal)) + 1]?.push(route);
    const owner = own[literals.indexOf(literal)];
    if (owner !== undefined) overlaps.push({ route, owner });
  }
  return { routes: before.flatMap((placed, index) => [...placed, ...own.slice(index, index + 1)]), overlaps };
}

/** What every path that matches begins with, in lower case; as little as is known for an expression that is not read in full. */
function literalOf(match: PathMatch): string {
  if (match.kind !== 'regex') {
    const hasSlash = match.kind === 'prefix' && (match.path === '' || match.slash === true);
    return (hasSlash ? `${match.path}/` : match.path).toLowerCase();
  }
  // Of alternatives only the first is anchored.
  if (hasAlternatives(match.path)) return '';
  const [plain = ''] = /^(?:[^\\^$.[\]|()?*+{}]|\\[^\w])*/.exec(match.path) ?? [];
  const isRepeated = /^[?*+{]/.test(match.path.slice(plain.length));
  const kept = isRepeated ? plain.replace(/(?:\\[^]|[^])$/u, '') : plain;
  return kept.replaceAll(/\\([^])/g, '$1').toLowerCase();
}
