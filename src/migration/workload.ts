/** Finds the ingress-nginx among workloads as `kubectl get -o yaml` writes them, and how it was started. */
import { isRecord } from '../cluster/projection/field-reader.ts';

export interface ControllerWorkload {
  /** `Deployment ingress-nginx/ingress-nginx-controller` */
  readonly name: string;
  /** Of its command line; `$(POD_NAMESPACE)` is filled in, other variables are not known. */
  readonly args: readonly string[];
}

/** @param raw a Deployment, DaemonSet, Pod or a List of such; anything else has none */
export function controllersIn(raw: unknown): readonly ControllerWorkload[] {
  if (!isRecord(raw)) return [];
  if (Array.isArray(raw['items'])) return raw['items'].flatMap(controllersIn);
  const { kind, metadata, spec } = raw;
  if (kind !== 'Deployment' && kind !== 'DaemonSet' && kind !== 'Pod') return [];
  const template = isRecord(spec) ? spec['template'] : undefined;
  const podSpec = kind === 'Pod' ? spec : isRecord(template) ? template['spec'] : undefined;
  const containers = isRecord(podSpec) && Array.isArray(podSpec['containers']) ? podSpec['containers'] : [];
  const namespace = textOf(metadata, 'namespace') || 'default';
  return containers.flatMap((container: unknown) => {
    if (!isRecord(container)) return [];
    const words = [...texts(container['command']), ...texts(container['args'])];
    const isNginx = words.some((word) => word.endsWith('/nginx-ingress-controller'));
    if (!isNginx && !/ingress-nginx|nginx-ingress-controller/.test(textOf(container, 'image'))) return [];
    const args = words.map((word) => word.replaceAll('$(POD_NAMESPACE)', namespace));
    return [{ name: `${kind} ${namespace}/${textOf(metadata, 'name')}`, args }];
  });
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function textOf(value: unknown, key: string): string {
  const text = isRecord(value) ? value[key] : undefined;
  return typeof text === 'string' ? text : '';
}
