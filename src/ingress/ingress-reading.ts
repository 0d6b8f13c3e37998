/** What one Ingress asks for, host by host, read without a look at any other Ingress or at the Services it names. */
import type { Ingress, IngressBackend, IngressTls } from '../cluster/kubernetes-object.ts';
import type { BackendVariant } from '../features/cluster-variant.ts';
import {
  aliasesOf,
  backendVariant,
  isAttached,
  spareService,
  upstreamsOf,
  usesRegex,
  withoutRules,
} from '../features/policies.ts';
import type { PolicyReading } from '../features/policies.ts';
import type { BackendPort } from '../model/backend.ts';
import { anyHost } from '../model/host.ts';
import type { Origin, PathMatch, Route, RouteAction } from '../model/host.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { noPolicies } from '../model/policy.ts';
import type { Policies } from '../model/policy.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { readAttachments } from './attachment-reading.ts';
import type { Attachment } from './attachment-reading.ts';
import { parseHostName } from './host-name.ts';
import { parsePathMatch, parseRegexPath } from './path-match.ts';

export interface IngressReading {
  readonly object: ObjectRef;
  /** Decides who wins where two Ingresses ask for the same thing: the older one. */
  readonly creationTimestamp: string;
  readonly policies: Policies;
  /** By host name; see `Host.name`. */
  readonly hosts: ReadonlyMap<string, HostReading>;
  /** Other names of hosts with paths: name to host. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

export interface HostReading {
  /** Second backends for paths of other Ingresses. */
  readonly attached?: readonly Attachment[];
  /** In the order in which they are written. */
  readonly routes: readonly Route[];
  /** Serves what no path of any Ingress on this host matches. */
  readonly fallback: Route | undefined;
  /** In the order in which they are written, each Secret once. */
  readonly certificates: readonly CertificateClaim[];
  /** Whether a TLS entry names the host, with a Secret or without. */
  readonly hasTls: boolean;
}

export interface CertificateClaim {
  /** Key (`namespace/name`) of the Secret. */
  readonly secret: string;
  readonly origin: Origin;
}

/** Reads an Ingress that is ours, whose annotations have been read. */
export function readIngress(ingress: Ingress, policies: PolicyReading): IngressReading {
  if (isAttached(policies.policies)) return readAttachments(ingress, policies);
  const reader = new Reader(ingress, policies);
  reader.readRules();
  reader.readDefaultBackend();
  ingress.spec.tls.forEach((entry, index) => reader.readTls(entry, `spec.tls[${index}]`));
  return reader.reading();
}

/** Such an Ingress was written for ingress-nginx. */
function isOfNginxClass({ metadata, spec }: Ingress): boolean {
  return (metadata.annotations['kubernetes.io/ingress.class'] ?? spec.ingressClassName) === 'nginx';
}

/** Whether nginx redirects requests that lack the slash at the end of the path. */
function endsInSlash(match: PathMatch): boolean {
  return match.kind === 'prefix' ? match.slash === true : match.kind === 'exact' && /.\/$/.test(match.path);
}

const noAliases: ReadonlyMap<string, string> = new Map();

interface HostDraft {
  readonly routes: Route[];
  fallback: Route | undefined;
  readonly certificates: CertificateClaim[];
  hasTls: boolean;
}

/** Of one Ingress: more than any that serves people has, and few enough that one object delays no other. */
const mostPaths = 10_000;

class Reader {
  readonly #ingress: Ingress;
  readonly #object: ObjectRef;
  readonly #isClosed: boolean;
  readonly #isForNginx: boolean;
  readonly #asked: Policies;
  readonly #policies: Policies;
  readonly #variant: BackendVariant | undefined;
  readonly #spare: Pick<Route, 'spare'>;
  readonly #hosts = new Map<string, HostDraft>();
  readonly #problems: Problem[];

  constructor(ingress: Ingress, { policies, isClosed: asked, isAnnotated, problems }: PolicyReading) {
    const { namespace, name } = ingress.metadata;
    const isClosed = asked || ingress.isHeld === true;
    this.#ingress = ingress;
    this.#object = { kind: 'Ingress', namespace, name };
    this.#isClosed = isClosed;
    this.#isForNginx = isAnnotated === true || isOfNginxClass(ingress);
    this.#asked = policies;
    // Closed paths answer 503, whatever else is asked for.
    this.#policies = isClosed ? noPolicies : policies;
    this.#variant = backendVariant(this.#policies);
    const spare = spareService(this.#policies);
    this.#spare = spare === undefined ? {} : { spare: { namespace, service: spare, port: { kind: 'first' } } };
    this.#problems = [...problems];
  }

  reading(): IngressReading {
    const { creationTimestamp } = this.#ingress.metadata;
    const policies = this.#policies;
    const aliases = this.#readAliases();
    return { object: this.#object, creationTimestamp, policies, hosts: this.#hosts, aliases, problems: this.#problems };
  }

  readRules(): void {
    let paths = 0;
    this.#ingress.spec.rules.forEach((rule, ruleIndex) => {
      const field = `spec.rules[${ruleIndex}]`;
      const host = rule.host === '' ? anyHost : this.#readHostName(rule.host, `${field}.host`);
      if (host === undefined) return;
      const draft = this.#host(host);
      rule.paths.forEach((path, pathIndex) => {
        paths += 1;
        if (paths > mostPaths) return;
        const pathField = `${field}.http.paths[${pathIndex}]`;
        const isRegex = usesRegex(this.#asked, path.path);
        const match = isRegex ? parseRegexPath(path.path) : parsePathMatch(path.path, path.pathType);
        if (match.kind === 'invalid') {
          const fix = isRegex
            ? 'write an expression that RE2 understands, such as "/shop(/|$)(.*)"'
            : 'write an absolute path such as "/shop", without a query';
          this.#report('InvalidPath', `${pathField}.path`, `path "${path.path}" ${match.why}`, fix);
          return;
        }
        const action = this.#readBackend(path.backend, `${pathField}.backend`);
        const origin = { object: this.#object, field: pathField };
        const slash = this.#isForNginx && endsInSlash(match) && ({ addsSlash: true } as const);
        draft.routes.push({
          match,
          action,
          policies: this.#policies,
          ...this.#spare,
          ...slash,
          origin,
          ...this.#upstreamsFor(host, action),
        });
      });
    });
    this.#reportCount(paths);
  }

  #reportCount(paths: number): void {
    if (paths <= mostPaths) return;
    const message = `the Ingress has ${paths} paths, and only the first ${mostPaths} can be served`;
    this.#report('TooManyPaths', 'spec.rules', message, 'divide it into several Ingresses');
  }

  /** The default backend serves the unmatched paths of the Ingress's own hosts, or of every unknown host if it has none. */
  readDefaultBackend(): void {
    const { defaultBackend, rules } = this.#ingress.spec;
    if (defaultBackend === undefined) return;
    const action = this.#readBackend(defaultBackend, 'spec.defaultBackend');
    const origin = { object: this.#object, field: 'spec.defaultBackend' };
    const match = { kind: 'prefix', path: '' } as const;
    const policies = rules.length === 0 ? withoutRules(this.#policies) : this.#policies;
    const fallback: Route = { match, action, policies, ...this.#spare, origin };
    if (rules.length === 0) this.#host(anyHost);
    for (const [host, draft] of this.#hosts) {
      draft.fallback = { ...fallback, ...this.#upstreamsFor(host, action) };
    }
  }

  readTls(entry: IngressTls, field: string): void {
    if (entry.secretName === '') {
      const message =
        'this TLS entry names no Secret, so its hosts are served with the default certificate, if there is one';
      this.#report('TlsWithoutSecret', `${field}.secretName`, message, 'set secretName', 'warning');
      for (const host of this.#hostsOf(entry, field)) this.#host(host).hasTls = true;
      return;
    }
    const claim: CertificateClaim = {
      secret: `${this.#object.namespace}/${entry.secretName}`,
      origin: { object: this.#object, field: `${field}.secretName` },
    };
    for (const host of this.#hostsOf(entry, field)) {
      const draft = this.#host(host);
      const { certificates } = draft;
      draft.hasTls = true;
      if (certificates.every(({ secret }) => secret !== claim.secret)) certificates.push(claim);
    }
  }

  #readAliases(): ReadonlyMap<string, string> {
    const aliases = new Map<string, string>();
    for (const [host, { routes }] of this.#hosts) {
      if (routes.length === 0) continue;
      for (const alias of aliasesOf(this.#policies, host)) if (!aliases.has(alias)) aliases.set(alias, host);
    }
    return aliases.size === 0 ? noAliases : aliases;
  }

  #hostsOf({ hosts }: IngressTls, field: string): Iterable<string> {
    if (hosts.length === 0) return this.#hosts.keys();
    return hosts.flatMap((host, index) => this.#readHostName(host, `${field}.hosts[${index}]`) ?? []);
  }

  #readHostName(text: string, field: string): string | undefined {
    const host = parseHostName(text);
    if (host === undefined) {
      const message = `"${text}" is neither a DNS name nor "*." before one`;
      this.#report('InvalidHost', field, message, 'write a host such as "shop.example.com" or "*.example.com"');
    }
    return host;
  }

  #readBackend(backend: IngressBackend, field: string): RouteAction {
    if ('resource' in backend) {
      const { kind, name } = backend.resource;
      const message = `a resource backend (${kind} "${name}") can't be served, so its paths answer 503`;
      this.#report('UnsupportedBackend', `${field}.resource`, message, 'use a Service backend');
    }
    if (this.#isClosed) return { kind: 'unavailable', isClosed: true };
    if ('resource' in backend) return { kind: 'unavailable' };
    const { name, port } = backend.service;
    const backendPort: BackendPort =
      'number' in port ? { kind: 'number', number: port.number } : { kind: 'name', name: port.name };
    const { namespace } = this.#object;
    return { kind: 'backend', backend: { namespace, service: name, port: backendPort, ...this.#variant } };
  }

  #upstreamsFor(host: string, action: RouteAction): Pick<Route, 'upstreams'> {
    const backend = action.kind === 'backend' ? action.backend : undefined;
    const upstreams = upstreamsOf(this.#policies, host, backend);
    return upstreams.length === 0 ? {} : { upstreams };
  }

  #host(name: string): HostDraft {
    const existing = this.#hosts.get(name);
    if (existing !== undefined) return existing;
    const draft: HostDraft = { routes: [], fallback: undefined, certificates: [], hasTls: false };
    this.#hosts.set(name, draft);
    return draft;
  }

  #report(
    reason: ProblemReason,
    field: string,
    message: string,
    fix: string,
    severity: Problem['severity'] = 'error',
  ): void {
    this.#problems.push({ object: this.#object, field, severity, reason, message, fix });
  }
}
