/**
 * Every `*.yaml` beside this file is a case: Kubernetes objects above the line, and below it the problems and resources
 * that follow from them. `UPDATE_GOLDEN=1 npm test -- test/golden` rewrites what stands below; read the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { kinds } from '../../src/cluster/kubernetes-object.ts';
import { projectObject } from '../../src/cluster/projection.ts';
import { toJson } from '../../src/proto/message.ts';
import { messageNameOf } from '../../src/proto/type-url.ts';
import { Translation } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { applied } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const folder = import.meta.dirname;
const line = `${'-'.repeat(40)} what follows\n`;
const cases = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

/** The listener and route tables are the same in every case that has no TLS. */
const alwaysThere = new Set(['listener http', 'routeConfiguration http', 'routeConfiguration https']);

function outcome(input: string, showAll: boolean): string {
  const translation = new Translation(translationOptions);
  const problems = [];
  for (const document of parseAllDocuments(input)) {
    const raw: { kind: unknown } = document.toJS();
    const kind = kinds.find((each) => each === raw.kind);
    if (kind === undefined) throw new Error(`no case may hold a ${String(raw.kind)}`);
    const { object, problems: found } = projectObject(kind, raw, 'file');
    problems.push(...found);
    if (object !== undefined) translation.update([applied(object)]);
  }
  const resources = translation.commit().flatMap(({ typeUrl, name, resource }) => {
    const message = messageNameOf(typeUrl);
    if (resource === undefined || message === undefined) return [];
    const type = message.slice(message.lastIndexOf('.') + 1);
    const label = `${type[0]?.toLowerCase() ?? ''}${type.slice(1)} ${name}`;
    if (!showAll && alwaysThere.has(label)) return [];
    return [[label, toJson(message, bodyOf(resource))] as const];
  });
  problems.push(...translation.problems());
  return stringify({ problems, resources: Object.fromEntries(resources) }, { lineWidth: 0, aliasDuplicateObjects: false });
}

describe('a translation', () => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThan(0);
  });

  it.each(cases)('gives what %s says', (file) => {
    const path = join(folder, file);
    const [input = ''] = readFileSync(path, 'utf8').split(line);
    const actual = `${input}${line}${outcome(input, file.startsWith('whole-'))}`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, actual);
    expect(actual).toBe(readFileSync(path, 'utf8'));
  });
});
