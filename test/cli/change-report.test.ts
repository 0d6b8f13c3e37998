import { describe, expect, it } from '@jest/globals';
import { ChangeReport } from '../../src/cli/change-report.ts';
import type { Problem } from '../../src/model/problem.ts';

const typeUrl = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';
const host = (name: string) => ({ typeUrl, name });

const problem: Problem = {
  object: { kind: 'Ingress', namespace: 'default', name: 'web' },
  field: 'spec.rules[0].host',
  severity: 'error',
  reason: 'InvalidHost',
  message: 'host "a b" is not a DNS name',
  fix: 'remove the space',
};

describe('the report of changes', () => {
  it('tells what is new, changed and gone', () => {
    const report = new ChangeReport();
    expect(report.resources([host('http/a'), host('http/b')], [])).toEqual([
      '+ VirtualHost http/a',
      '+ VirtualHost http/b',
    ]);
    expect(report.resources([host('http/a')], [host('http/b')])).toEqual([
      '~ VirtualHost http/a',
      '- VirtualHost http/b',
    ]);
    expect(report.resources([host('http/b')], [])).toEqual(['+ VirtualHost http/b']);
  });

  it('does not fill the screen', () => {
    const many = Array.from({ length: 1000 }, (_, index) => host(`http/${index}`));
    const lines = new ChangeReport().resources(many, []);
    expect(lines).toHaveLength(31);
    expect(lines.at(-1)).toBe('  and 970 more');
  });

  it('tells each problem when it appears and when it is solved', () => {
    const report = new ChangeReport();
    const line =
      'error InvalidHost in Ingress default/web spec.rules[0].host: host "a b" is not a DNS name; remove the space';
    expect(report.problems([problem])).toEqual([`! ${line}`]);
    expect(report.problems([problem])).toEqual([]);
    expect(report.problems([])).toEqual([`solved: ${line}`]);
  });

  it('stays in one line, and shows control characters rather than sending them', () => {
    const report = new ChangeReport();
    const [line = ''] = report.problems([{ ...problem, message: 'host "a\nb\u001B[31m\u009B" is not a DNS name' }]);
    expect(line).toContain(String.raw`host "a\u000ab\u001b[31m\u009b" is not`);
  });
});
