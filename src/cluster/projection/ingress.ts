// Reads the specs of `networking.k8s.io/v1` Ingress and IngressClass. Only the structure is checked here; what hosts
// and paths mean is the business of src/ingress.

import type {
  Ingress,
  IngressBackend,
  IngressClass,
  IngressPath,
  IngressRule,
  IngressTls,
} from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';
import { readName } from './metadata.ts';

const pathTypes = ['Exact', 'Prefix', 'ImplementationSpecific'] as const;

const emptySpec: Ingress['spec'] = { rules: [], tls: [] };
const emptyBackend: IngressBackend = { service: { name: '', port: { number: 0 } } };

export function readIngressSpec(root: FieldReader): Ingress['spec'] {
  const spec = root.requiredChild('spec');
  if (spec === undefined) return emptySpec;
  const rules = spec.children('rules').map(readRule);
  const defaultBackend = spec.child('defaultBackend');
  if (!spec.has('defaultBackend') && !spec.isFilled('rules')) {
    root.problem('spec', 'It has neither rules nor a defaultBackend', 'Add spec.rules or spec.defaultBackend');
  }
  const ingressClassName = spec.text('ingressClassName');
  return {
    ...(ingressClassName === '' ? {} : { ingressClassName }),
    ...(defaultBackend === undefined ? {} : { defaultBackend: readBackend(defaultBackend) }),
    rules,
    tls: spec.children('tls').map(readTls),
  };
}

export function readIngressClassSpec(root: FieldReader): IngressClass['spec'] {
  // A class without a controller is allowed by the API: it belongs to nobody.
  return { controller: root.child('spec')?.text('controller') ?? '' };
}

function readRule(rule: FieldReader): IngressRule {
  const host = rule.text('host');
  const http = rule.child('http');
  if (http === undefined) return { host, paths: [] };
  if (!http.isFilled('paths')) http.missing('paths', 'List at least one path, or remove http');
  return { host, paths: http.children('paths').map(readPath) };
}

function readPath(reader: FieldReader): IngressPath {
  const pathType = reader.oneOf('pathType', pathTypes);
  const backend = reader.requiredChild('backend');
  return {
    path: readPathText(reader, pathType),
    pathType,
    backend: backend === undefined ? emptyBackend : readBackend(backend),
  };
}

/** An unset path of an ImplementationSpecific type matches every request, which is what `/` does. */
function readPathText(reader: FieldReader, pathType: IngressPath['pathType']): string {
  const path = reader.text('path');
  if (path !== '') return path;
  if (pathType !== 'ImplementationSpecific') reader.missing('path', 'Set it to a path such as /');
  return '/';
}

function readBackend(backend: FieldReader): IngressBackend {
  const service = backend.child('service');
  const resource = backend.child('resource');
  if (service !== undefined && resource !== undefined) {
    backend.problem('', 'It has both a service and a resource', 'Keep one of them');
  }
  if (service !== undefined) return { service: { name: readName(service, 'name'), port: readPortReference(service) } };
  if (resource !== undefined) {
    return {
      resource: {
        apiGroup: resource.text('apiGroup'),
        kind: resource.requiredText('kind'),
        name: resource.requiredText('name'),
      },
    };
  }
  if (!backend.has('service') && !backend.has('resource')) backend.missing('service', 'Name the Service and its port');
  return emptyBackend;
}

function readPortReference(service: FieldReader): { readonly number: number } | { readonly name: string } {
  const port = service.requiredChild('port');
  if (port === undefined) return { number: 0 };
  const name = port.text('name');
  const hasNumber = port.has('number');
  if (name !== '' && hasNumber) {
    service.problem('port', 'It has both a name and a number', 'Keep one of them');
  } else if (name === '' && !hasNumber && !port.has('name')) {
    service.missing('port', 'Set port.number or port.name');
  }
  if (name === '') return { number: port.port('number') };
  if (!isPortName(name)) {
    const fix = /^\d+$/.test(name)
      ? `Use number: ${name} for a port number`
      : 'Use at most 15 lower case letters, digits and -, at least one of them a letter';
    port.problem('name', `It is ${port.show(name)}, which is not the name of a port`, fix);
  }
  return { name };
}

/** As the API server checks it (RFC 6335, section 5.1). A name that is a number would be taken for the number. */
function isPortName(name: string): boolean {
  return name.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && /[a-z]/.test(name);
}

function readTls(tls: FieldReader): IngressTls {
  const secretName = tls.text('secretName');
  return { hosts: tls.texts('hosts'), secretName: secretName === '' ? '' : readName(tls, 'secretName') };
}
