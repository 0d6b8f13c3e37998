/** docs/annotations.md, printed from the features: what is documented is what there is. */
import type { AnyFeature, Setting } from './feature.ts';
import { ingressNginxAnnotations, protectiveAnnotations } from './ingress-nginx-annotations.ts';
import { features } from './registry.ts';

/** The whole document, as Markdown. */
export function annotationDocument(): string {
  const settings = features
    .flatMap((feature) => Object.values(feature.settings).map((setting) => ({ feature, setting })))
    .filter(({ setting }, index, all) => all.findIndex((each) => each.setting === setting) === index);
  const owned = new Set(settings.flatMap(({ setting }) => namesOf(setting)));
  const missing = ingressNginxAnnotations.filter((name) => !owned.has(name)).toSorted();
  const done = ingressNginxAnnotations.length - missing.length;
  return [
    introduction,
    `## Supported\n\n${done} of the ${ingressNginxAnnotations.length} annotations of ingress-nginx, in the order in which their policies act on a request.\n`,
    table(
      ['annotation', 'values', 'default', 'what it does, as in ingress-nginx', 'where Sluice differs', 'ConfigMap key'],
      settings.filter(({ setting }) => setting.annotation !== undefined).map(row),
    ),
    '## For all Ingresses only\n\nThese have no annotation.\n',
    table(
      ['ConfigMap key', 'values', 'default', 'what it does, as in ingress-nginx', 'where Sluice differs'],
      settings.filter(({ setting }) => setting.annotation === undefined).map(rowOfKey),
    ),
    '## Not supported yet\n\nThey are reported. Those that protect paths answer 503, because the paths would be open without them.\n',
    table(
      ['annotation', 'what an Ingress with it gets'],
      missing.map((name) => [
        code(name),
        protectiveAnnotations.has(name) ? '503, if it protects anything' : 'a warning',
      ]),
    ),
  ].join('\n');
}

const introduction = `# Annotations

<!-- Printed from src/features by \`npm run docs\`. Do not edit. -->

Sluice reads the annotations of ingress-nginx, under the same prefix, \`nginx.ingress.kubernetes.io/\`; \`--annotations-prefix\` sets
another. A value that cannot be used is a problem of its Ingress ([problems.md](problems.md)), and costs that policy only. Where the
policy protects paths, they answer 503 instead of being open.
`;

interface Entry {
  readonly feature: AnyFeature;
  readonly setting: Setting<unknown>;
}

function row({ setting }: Entry): readonly string[] {
  const { value, nginx, difference = '' } = setting.documentation;
  const [name = '', ...aliases] = namesOf(setting);
  const names = [code(name), ...aliases.map((alias) => `or ${code(alias)}`)].join(' ');
  return [names, value, defaultOf(setting), `${nginx}${cost(setting)}`, difference, key(setting)];
}

function rowOfKey({ setting }: Entry): readonly string[] {
  const { value, nginx, difference = '' } = setting.documentation;
  return [key(setting), value, defaultOf(setting), nginx, difference];
}

function cost({ onInvalid }: Setting<unknown>): string {
  if (onInvalid === 'closed') return '. A value that cannot be read closes the paths (503)';
  return onInvalid === 'no policy' ? '. A value that cannot be read turns the whole policy off' : '';
}

function defaultOf({ documentation, default: value }: Setting<unknown>): string {
  if (documentation.default !== undefined) return documentation.default;
  return value === '' ? 'unset' : code(Array.isArray(value) ? value.join(',') : String(value));
}

function namesOf({ annotation, aliases = [] }: Setting<unknown>): readonly string[] {
  return annotation === undefined ? [] : [annotation, ...aliases];
}

function key({ configMap }: Setting<unknown>): string {
  return configMap === undefined ? '' : code(configMap);
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), ''].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
