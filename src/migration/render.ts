/** The report of a migration as text for a terminal, and as Markdown for a page that others read. */
import type { FlagFinding } from './controller-arguments.ts';
import type { Finding, IngressReport, MigrationReport, Verdict } from './report.ts';

/** What one form does with the parts of a report. */
interface Style {
  readonly title: (text: string) => string;
  readonly section: (text: string) => string;
  readonly item: (text: string) => string;
  readonly detail: (text: string) => string;
  readonly name: (text: string) => string;
}

const plain: Style = {
  title: (text) => `${text}\n${'='.repeat(text.length)}\n`,
  section: (text) => `\n${text}\n${'-'.repeat(text.length)}\n`,
  item: (text) => `  ${text}`,
  detail: (text) => `      ${text}`,
  name: (text) => text,
};

const markdown: Style = {
  title: (text) => `# ${text}\n`,
  section: (text) => `\n## ${text}\n`,
  item: (text) => `- ${escape(text)}`,
  detail: (text) => `  - ${escape(text)}`,
  name: (text) => `\`${text.replaceAll('`', "'")}\``,
};

export function renderText(report: MigrationReport): string {
  return render(report, plain);
}

export function renderMarkdown(report: MigrationReport): string {
  return render(report, markdown);
}

const titles: Readonly<Record<Verdict, string>> = {
  same: 'Everything is served as ingress-nginx serves it',
  different: 'Everything is served, some of it with a difference',
  refused: 'Some of it is not served as it is written',
};

function render(report: MigrationReport, style: Style): string {
  const { summary, ingresses, others, configMap, flags, unread } = report;
  return [
    style.title(
      ingresses.length === 0 && summary.verdict !== 'refused' ? 'There is no Ingress to move' : titles[summary.verdict],
    ),
    ...summaryLines(report).map(style.item),
    ...part(
      'Not read',
      unread.map(({ object, why, fix }) => style.item(`${object}: ${sentence(why, fix)}`)),
      style,
    ),
    ...part('What to do first', refusals(report, style), style),
    ...part(
      'Ingresses',
      ingresses.flatMap((each) => ingressLines(each, style)),
      style,
    ),
    ...part(
      'ConfigMap',
      (configMap?.keys ?? []).flatMap((each) => findingLines(each, style.item, style)),
      style,
    ),
    ...part(
      'Flags',
      flags.map((each) => style.item(flagLine(each, style))),
      style,
    ),
    ...part(
      'Left to other controllers',
      others.map(({ ingress, why }) => style.item(`${ingress}: ${why}`)),
      style,
    ),
    '',
  ].join('\n');
}

function part(title: string, lines: readonly string[], style: Style): readonly string[] {
  return lines.length === 0 ? [] : [style.section(title), ...lines];
}

function summaryLines({ summary, ingresses, configMap, flags }: MigrationReport): readonly string[] {
  const { same, different, refused } = summary.ingresses;
  const total = same + different + refused;
  const quirks = new Set(ingresses.flatMap((each) => each.quirks.map(({ quirk }) => quirk)));
  const keys = configMap?.keys ?? [];
  const ready =
    total === 0
      ? []
      : [
          `${Math.floor((100 * (same + different)) / total)} % ready: ${same + different} of ${counted(total, 'Ingress', 'Ingresses')} can move as they are${different === 0 ? '' : `, ${different} of them with a difference that is stated`}`,
          ...(refused === 0
            ? []
            : [`${refused} ${refused === 1 ? 'needs' : 'need'} a change first, or a decision: see "What to do first"`]),
        ];
  return [
    ...ready,
    `${counted(total, 'Ingress', 'Ingresses')}: ${same} the same, ${different} with a stated difference, ${refused} with something refused`,
    ...(summary.others === 0 ? [] : [`${counted(summary.others, 'Ingress', 'Ingresses')} left to other controllers`]),
    `${counted(summary.annotations.length, 'annotation', 'annotations')} in use, ${summary.annotations.filter((each) => each.refused > 0).length} of them refused somewhere`,
    ...(keys.length === 0
      ? []
      : [
          `${counted(keys.length, 'key', 'keys')} of the ConfigMap, ${of(keys, 'different')} with a difference, ${of(keys, 'refused')} refused`,
        ]),
    ...(flags.length === 0
      ? []
      : [
          `${counted(flags.length, 'flag', 'flags')}, ${flags.filter(({ outcome }) => outcome === 'refused').length} refused`,
        ]),
    ...(quirks.size === 0
      ? []
      : [`behaviour that is written nowhere decides paths, and is kept: ${[...quirks].toSorted().join(', ')}`]),
  ];
}

function of(findings: readonly Finding[], verdict: Verdict): number {
  return findings.filter((each) => each.verdict === verdict).length;
}

/** Each reason once, with how many Ingresses have it. */
function refusals({ ingresses, configMap, flags }: MigrationReport, style: Style): readonly string[] {
  const users = new Map<string, string[]>();
  const note = (finding: Finding, user: string): void => {
    if (finding.verdict !== 'refused') return;
    const text = `${style.name(finding.name)}: ${sentence(finding.why, finding.fix)}`;
    const others = users.get(text);
    if (others === undefined) users.set(text, [user]);
    else if (!others.includes(user)) others.push(user);
  };
  for (const { ingress, annotations, fields } of ingresses) {
    for (const finding of [...annotations, ...fields]) note(finding, ingress);
  }
  for (const finding of configMap?.keys ?? []) note(finding, 'the ConfigMap');
  const lines = [...users]
    .toSorted(([a, some], [b, others]) => others.length - some.length || (a < b ? -1 : 1))
    .map(([text, names]) => style.item(`${text} (${shortList(names)})`));
  const ofFlags = flags.filter(({ outcome }) => outcome === 'refused').map((each) => style.item(flagLine(each, style)));
  return [...lines, ...ofFlags];
}

function ingressLines(
  { ingress, verdict, annotations, fields, quirks }: IngressReport,
  style: Style,
): readonly string[] {
  return [
    style.item(`${ingress}: ${words[verdict]}`),
    // What is the same with ingress-nginx is none of the business of a move; the JSON has it.
    ...[...annotations, ...fields.filter((each) => each.verdict !== 'same')].flatMap((each) =>
      findingLines(each, style.detail, style),
    ),
    ...quirks.map(({ quirk, host, path, effect }) =>
      style.detail(`${quirk}, ${host}${path === '' ? '' : ` ${style.name(path)}`}: ${effect}`),
    ),
  ];
}

const words: Readonly<Record<Verdict, string>> = { same: 'same', different: 'same, but', refused: 'refused' };

function findingLines(
  { name, value, verdict, why, fix }: Finding,
  line: (text: string) => string,
  style: Style,
): readonly string[] {
  const written = style.name(value === '' ? name : `${name}: ${value}`);
  return [line(`${written} ${words[verdict]}${why === '' ? '' : ` (${sentence(why, fix)})`}`)];
}

function flagLine({ flag, value, outcome, why, fix }: FlagFinding, style: Style): string {
  const outcomes = { same: 'same', met: 'same', needless: 'not needed', refused: 'refused', unknown: 'unknown' };
  return `${style.name(`--${flag}=${value}`)} ${outcomes[outcome]}${why === '' ? '' : ` (${sentence(why, fix)})`}`;
}

function sentence(why: string, fix: string): string {
  return fix === '' ? why : `${why}; ${fix}`;
}

function shortList(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What stands in values must not become Markdown or HTML. */
function escape(text: string): string {
  return text.replaceAll(/[<>]/g, (sign) => (sign === '<' ? '&lt;' : '&gt;'));
}
