import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { problemReasons } from '../src/model/problem.ts';

const root = join(import.meta.dirname, '..');
const documents = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
];

describe('the documentation', () => {
  it('says of every problem reason what it means', () => {
    const text = readFileSync(join(root, 'docs/problems.md'), 'utf8').replaceAll(/ +/g, ' ');
    const rows = Object.entries(problemReasons).map(([reason, meaning]) => `| \`${reason}\` | ${meaning} |`);
    expect(rows.filter((row) => !text.includes(row))).toEqual([]);
  });

  it.each(documents)('has no link in %s that leads nowhere', (document) => {
    const text = readFileSync(join(root, document), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, target = '']) => target);
    const dead = links.filter((target) => !existsSync(join(root, dirname(document), target)));
    expect(dead).toEqual([]);
  });
});
