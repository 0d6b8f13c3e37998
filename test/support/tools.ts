/**
 * Where the programs are that tests run against, and what happens when they are missing: on somebody's machine those tests are
 * skipped and say why; under CI=true they fail, because a green run there must have run everything.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe } from '@jest/globals';
import { findEnvoy } from '../../src/cli/envoy-binary.ts';
import { hasPodNetwork } from './pod-network.ts';

export interface KubernetesBinaries {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
  readonly kubectl: string;
}

/** The path of an Envoy. Throws when there is none. */
export function envoyBinary(): string {
  return present(envoy);
}

export function grpcurlBinary(): string {
  return present(built('grpcurl', 'grpcurl'));
}

export function kubernetesBinaries(): KubernetesBinaries {
  return {
    etcd: present(built('etcd', 'kubernetes')),
    apiServer: present(built('kube-apiserver', 'kubernetes')),
    controllerManager: present(built('kube-controller-manager', 'kubernetes')),
    kubectl: present(built('kubectl', 'kubernetes')),
  };
}

export function helmBinary(): string {
  return present(built('helm', 'helm'));
}

/** A `describe` for tests that need Envoy. */
export function describeWithEnvoy(title: string, body: () => void): void {
  describeWith(envoyBinary, title, body);
}

/** A `describe` for tests that need grpcurl. */
export function describeWithGrpcurl(title: string, body: () => void): void {
  describeWith(grpcurlBinary, title, body);
}

/** A `describe` for tests that need a Kubernetes API server and pod addresses. */
export function describeWithKubernetes(title: string, body: () => void): void {
  describeWith(requireKubernetes, title, body);
}

/** A `describe` for tests that need Envoy as well as a Kubernetes API server. */
export function describeWithKubernetesAndEnvoy(title: string, body: () => void): void {
  describeWith(requireKubernetesAndEnvoy, title, body);
}

/** A `describe` for tests that need Helm as well as a Kubernetes API server. */
export function describeWithKubernetesAndHelm(title: string, body: () => void): void {
  describeWith(requireKubernetesAndHelm, title, body);
}

type Tool = { readonly kind: 'present'; readonly path: string } | { readonly kind: 'missing'; readonly reason: string };

const checkout = resolve(import.meta.dirname, '..', '..');
const directory = resolve(process.env['SLUICE_TOOLS_DIR'] ?? join(checkout, '.tools'));

const envoy = await findEnvoy({
  executable: process.env['ENVOY'],
  path: process.env['PATH'],
  directory,
  install: false,
}).then<Tool, Tool>(
  (path) => ({ kind: 'present', path }),
  (error: unknown) => ({
    kind: 'missing',
    reason: `${error instanceof Error ? error.message : String(error)} \`npm test\` or \`node scripts/tools.js envoy\` fetches it.`,
  }),
);

function built(name: string, group: string): Tool {
  const path = join(directory, 'bin', name);
  return existsSync(path)
    ? { kind: 'present', path }
    : {
        kind: 'missing',
        reason: `There is no ${name} here. \`npm test\` or \`node scripts/tools.js ${group}\` builds it with Go.`,
      };
}

function present(tool: Tool): string {
  if (tool.kind === 'missing') throw new Error(tool.reason);
  return tool.path;
}

function requireKubernetes(): void {
  kubernetesBinaries();
  if (!hasPodNetwork()) {
    throw new Error(
      'There are no pod addresses here. `npm test -- test/kube` runs these tests in a network namespace that has them.',
    );
  }
}

function requireKubernetesAndEnvoy(): void {
  requireKubernetes();
  envoyBinary();
}

function requireKubernetesAndHelm(): void {
  requireKubernetes();
  helmBinary();
}

/* oxlint-disable jest/valid-describe-callback, jest/valid-title, jest/no-disabled-tests -- the callers give the title and the body */
function describeWith(requirement: () => unknown, title: string, body: () => void): void {
  try {
    requirement();
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    process.stderr.write(`skipped: ${title}: ${error instanceof Error ? error.message : String(error)}\n`);
    describe.skip(title, body);
    return;
  }
  describe(title, body);
}
