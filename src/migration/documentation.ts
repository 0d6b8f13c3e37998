/** docs/ingress-nginx-settings.md, printed from the lists by which flags and keys are taken. */
import { ingressNginxSettings } from '../features/ingress-nginx-settings.ts';
import { settingOfKey } from '../features/setting-lookup.ts';
import { controllerFlags } from './controller-flags.ts';
import type { ControllerFlag } from './controller-flags.ts';

/** The whole document, as Markdown. */
export function settingsDocument(): string {
  const keys = [...ingressNginxSettings].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    introduction,
    '## Flags\n',
    table(['flag of ingress-nginx', 'with `sluice serve`'], controllerFlags.toSorted(byName).map(flagRow)),
    '## Keys of the ConfigMap\n',
    'Those that work are in [annotations.md](annotations.md), with their defaults. Values that ask for what is so anyway are not spoken of.\n',
    table(
      ['key', 'here'],
      keys.map(([key, { kind, why, fix }]) => {
        if (settingOfKey(key) !== undefined) return [code(key), 'works'];
        if (kind === 'harmless') return [code(key), `needless: ${why}`];
        return [code(key), kind === 'protection' ? why : `does nothing: ${why}; ${fix}`];
      }),
    ),
  ].join('\n');
}

const introduction = `# Flags and the ConfigMap of ingress-nginx

<!-- Printed from src/migration and src/features by \`npm run docs\`. Do not edit. -->

\`sluice serve\` takes the flags of ingress-nginx where they mean the same. Those that are not needed are taken with a warning; those that ask
for what Sluice does not do end it with a message that says what to use instead.

\`--configmap NAMESPACE/NAME\` names a ConfigMap with settings for all Ingresses, under the keys of ingress-nginx. It is read live: a change goes
for all Ingresses at once. An annotation is before the key, the key before the default. What is wrong with it is a problem of the ConfigMap
([problems.md](problems.md)). While it does not exist, the defaults go.
`;

function flagRow({ name, meaning }: ControllerFlag): readonly string[] {
  switch (meaning.kind) {
    case 'same':
      return [code(`--${name}`), meaning.as === undefined ? 'the same' : `the same, as ${code(`--${meaning.as}`)}`];
    case 'needless':
      return [code(`--${name}`), `not needed: ${meaning.why}`];
    case 'refused': {
      const { why, fix, isMet } = meaning;
      const exception = isMet === undefined ? '' : `; taken where it says what is so anyway`;
      return [code(`--${name}`), `refused: ${why}; ${fix}${exception}`];
    }
  }
}

function byName(a: ControllerFlag, b: ControllerFlag): number {
  return a.name < b.name ? -1 : 1;
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  return [...lines, ''].join('\n');
}
