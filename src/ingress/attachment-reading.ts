/** An Ingress that serves nothing by itself, but gives the same paths of another a second backend: a canary. */
import type { Ingress, IngressBackend } from '../cluster/kubernetes-object.ts';
import type { PolicyReading } from '../features/policies.ts';
import type { BackendPort, Backend } from '../model/backend.ts';
import { anyHost } from '../model/host.ts';
import type { Origin, PathMatch, Route } from '../model/host.ts';
import type { Policies } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { parseHostName } from './host-name.ts';
import type { HostReading, IngressReading } from './ingress-reading.ts';
import { asRegex, parsePathMatch } from './path-match.ts';

export interface Attachment {
  /** As it is written. */
  readonly path: string;
  /** Undefined for what is a path only where paths are expressions. */
  readonly match: PathMatch | undefined;
  readonly backend: Backend;
  /** Of its own Ingress. */
  readonly policies: Policies;
  readonly origin: Origin;
}

export function readAttachments(ingress: Ingress, { policies, problems }: PolicyReading): IngressReading {
  const { metadata, spec } = ingress;
  const object = { kind: 'Ingress', namespace: metadata.namespace, name: metadata.name };
  const found: Problem[] = problems.filter(({ reason }) => !isOfPaths.has(reason));
  const hosts = new Map<string, HostReading & { readonly attached: Attachment[] }>();
  const attach = (host: string, path: string, match: PathMatch | undefined, to: IngressBackend, field: string) => {
    const origin = { object, field };
    if ('resource' in to) {
      const message = 'a canary has a resource backend, so it gets no requests';
      const fix = 'use a Service backend';
      found.push({ object, field, severity: 'error', reason: 'UnsupportedBackend', message, fix });
      return;
    }
    const { name, port } = to.service;
    const backendPort: BackendPort =
      'number' in port ? { kind: 'number', number: port.number } : { kind: 'name', name: port.name };
    const backend = { namespace: metadata.namespace, service: name, port: backendPort };
    const reading = hosts.get(host) ?? { ...nothing, attached: [] };
    hosts.set(host, reading);
    reading.attached.push({ path, match, backend, policies, origin });
  };
  const rules = ingress.isHeld === true ? [] : spec.rules;
  rules.forEach((rule, ruleIndex) => {
    const host = rule.host === '' ? anyHost : parseHostName(rule.host);
    rule.paths.forEach(({ path, pathType, backend }, pathIndex) => {
      const field = `spec.rules[${ruleIndex}].http.paths[${pathIndex}]`;
      const match = parsePathMatch(path, pathType);
      if (host !== undefined) attach(host, path, match.kind === 'invalid' ? undefined : match, backend, field);
    });
  });
  if (spec.defaultBackend !== undefined && ingress.isHeld !== true) {
    attach(anyHost, '/', { kind: 'prefix', path: '' }, spec.defaultBackend, 'spec.defaultBackend');
  }
  const { creationTimestamp } = metadata;
  return { object, creationTimestamp, policies, hosts, aliases: new Map(), problems: found };
}

const nothing: HostReading = { routes: [], fallback: undefined, certificates: [], hasTls: false };

/** What closes the paths of an Ingress, of which a canary has none: those of its main Ingress count. */
const isOfPaths: ReadonlySet<string> = new Set(['InvalidProtection', 'UnsupportedProtection']);

/** Whether it is for the path of a route, whose host may have turned it into an expression. */
export function isFor({ path, match }: Attachment, { match: own }: Route): boolean {
  if (own.kind === 'regex') {
    return own.path === path || (match !== undefined && asRegex(match).path === own.path);
  }
  if (match === undefined || match.kind !== own.kind || match.path !== own.path) return false;
  return own.kind === 'exact' || (match.kind === 'prefix' && match.slash === own.slash);
}
