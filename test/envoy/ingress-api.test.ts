/** The Ingress API, case by case, through one real Envoy: what a client sees, and what the user is told. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeObject } from '../../src/model/object-ref.ts';
import type { Translation, TranslationOptions } from '../../src/translation/translation.ts';
import { ingressClass } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { backendCases, endpointCases } from './ingress-api/backend-cases.ts';
import type { IngressCase } from './ingress-api/case.ts';
import { classCases } from './ingress-api/class-cases.ts';
import { conflictCases } from './ingress-api/conflict-cases.ts';
import { hostCases } from './ingress-api/host-cases.ts';
import { pathCases } from './ingress-api/path-cases.ts';
import { Stage } from './ingress-api/stage.ts';

/** Cases that are there at the same time: all that say nothing of the others' hosts, or one by itself. */
interface World {
  readonly name: string;
  readonly options: TranslationOptions;
  readonly cases: readonly IngressCase[];
}

/** The ports of the endpoint cases are known only later; their titles are not. */
const noPorts = { web: 1, api: 2, shop: 3 };
const allCases: readonly IngressCase[] = [
  ...pathCases,
  ...hostCases,
  ...conflictCases,
  ...classCases,
  ...backendCases,
  ...endpointCases(noPorts),
];

function worldsOf(cases: readonly IngressCase[]): readonly World[] {
  const together = cases.filter(({ alone }) => alone === undefined);
  const alone = cases.filter((each) => each.alone !== undefined);
  return [
    { name: 'together', options: translationOptions, cases: together },
    ...alone.map((each) => ({ name: each.title, options: { ...translationOptions, ...each.alone }, cases: [each] })),
  ];
}

describeWithEnvoy('the Ingress API', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open();
  });

  afterAll(async () => {
    await stage?.close();
  });

  it('is shown by at least 120 cases, whose titles differ', () => {
    const titles = new Set(allCases.map(({ title }) => title));
    expect(titles.size).toBe(allCases.length);
    expect(allCases.length).toBeGreaterThanOrEqual(120);
  });

  describe.each(worldsOf(allCases))('$name', ({ options, cases: withoutPorts }) => {
    let translation: Translation;
    const own = new Map<string, IngressCase>();

    beforeAll(async () => {
      const ports = { web: stage.portOf('web'), api: stage.portOf('api'), shop: stage.portOf('shop') };
      const ready = endpointCases(ports);
      for (const each of withoutPorts) own.set(each.title, ready.find(({ title }) => title === each.title) ?? each);
      const hasClasses = options.classes !== translationOptions.classes;
      const objects = [...own.values()].flatMap((each) => each.objects);
      translation = await stage.show(options, hasClasses ? objects : [ingressClass(), ...objects]);
    });

    it.each(withoutPorts)('$title', async ({ title }) => {
      const { objects, requests, problems: expectedProblems = [] } = own.get(title) ?? fail(title);
      const answers = await Promise.all(requests.map(({ host, path }) => stage.ask(host, path)));
      const seen = requests.map(({ host, path }, index) => `${host}${path} ${answers[index] ?? ''}`);
      const wanted = requests.map(({ host, path, expected }, index) => {
        const allowed = expected.split('|');
        return `${host}${path} ${allowed.find((each) => each === answers[index]) ?? expected}`;
      });
      expect(seen).toEqual(wanted);
      const everyChoice = requests.every(({ expected }) => expected.split('|').every((each) => answers.includes(each)));
      expect(everyChoice).toBe(true);
      const names = new Set(objects.map((object) => describeObject({ ...object.metadata, kind: object.kind })));
      const problems = translation
        .problems()
        .filter(({ object }) => names.has(describeObject(object)))
        .map(({ object, field, reason }) => `${describeObject(object)} ${field} ${reason}`);
      expect(problems).toEqual(expectedProblems);
    });
  });
});

function fail(title: string): never {
  throw new Error(`no case has the title ${title}`);
}
