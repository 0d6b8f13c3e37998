import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readControllerArguments, translateFlags } from '../../src/migration/controller-arguments.ts';
import { controllerFlags } from '../../src/migration/controller-flags.ts';
import { settingsDocument } from '../../src/migration/documentation.ts';
import { controllersIn } from '../../src/migration/workload.ts';
import { runSluice } from '../support/sluice.ts';

describe('the command line of an ingress-nginx', () => {
  it('is read in all forms of Go flags, as the flags of Sluice that mean the same', () => {
    const args = [
      '/nginx-ingress-controller',
      '--configmap=a/b',
      '--ingress-class',
      'edge',
      '-v=5',
      '--update-status=false',
    ];
    const more = ['--watch-ingress-without-class', '--controller-class=x.test/y', '--disable-svc-external-name'];
    expect(readControllerArguments([...args, ...more])).toMatchObject({
      flags: {
        configmap: 'a/b',
        ingressClass: ['edge'],
        logLevel: 'debug',
        updateStatus: 'false',
        watchIngressWithoutClass: 'true',
        controllerName: ['x.test/y'],
        allowExternalNames: 'false',
      },
      findings: [
        { flag: 'configmap' },
        { flag: 'ingress-class' },
        { flag: 'v' },
        { flag: 'update-status' },
        { flag: 'watch-ingress-without-class' },
        { flag: 'controller-class' },
        { flag: 'disable-svc-external-name', outcome: 'same' },
      ],
    });
  });

  it('has flags that are not needed, that are refused unless they ask for nothing, and that nobody knows', () => {
    const args = ['--profiling=false', '--disable-catch-all', '--disable-catch-all=false', '--nonsense=1'];
    expect(readControllerArguments(args).findings.map(({ outcome }) => outcome)).toEqual([
      'needless',
      'refused',
      'met',
      'unknown',
    ]);
  });

  it('is taken beside our own flags, which win', () => {
    const given = { controllerClass: 'a/b', controllerName: ['c/d'], v: '2', dir: ['x'], metricsPerHost: 'false' };
    expect(translateFlags(given)).toMatchObject({
      flags: { controllerName: ['c/d'], logLevel: 'info', dir: ['x'] },
      findings: [{ outcome: 'same' }, { outcome: 'same' }, { flag: 'metrics-per-host', outcome: 'needless' }],
    });
  });

  it('has no flag that is said to be the same and is not there', async () => {
    const { stdout } = await runSluice(['serve', '--help']);
    const missing = controllerFlags.filter(
      ({ name, meaning }) => meaning.kind === 'same' && !stdout.includes(`--${meaning.as ?? name} `),
    );
    expect(missing).toEqual([]);
    const names = controllerFlags.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });
});

describe('the workload of an ingress-nginx', () => {
  const container = { image: 'x', args: ['/nginx-ingress-controller', '--configmap=$(POD_NAMESPACE)/c'] };
  const workload = (containers: readonly unknown[]) => ({
    kind: 'Deployment',
    metadata: { namespace: 'edge', name: 'ctl' },
    spec: { template: { spec: { containers } } },
  });

  it('is found by its program, also in lists, with its namespace filled in', () => {
    const found = { name: 'Deployment edge/ctl', args: ['/nginx-ingress-controller', '--configmap=edge/c'] };
    expect(controllersIn({ kind: 'List', items: [workload([{ image: 'y' }, container])] })).toEqual([found]);
  });

  it.each([undefined, null, 7, [], { kind: 'Deployment' }, workload([7, { args: 7 }]), { kind: 'Pod', spec: null }])(
    'is not found in %j',
    (raw) => {
      expect(controllersIn(raw)).toEqual([]);
    },
  );
});

describe('docs/ingress-nginx-settings.md', () => {
  it('is what `npm run docs` prints', () => {
    const path = join(import.meta.dirname, '../../docs/ingress-nginx-settings.md');
    expect(readFileSync(path, 'utf8')).toBe(settingsDocument());
  });
});
