/** What `kubectl kustomize` or a chart renders, cut to the fields that tests ask for. */
import { parseAllDocuments } from 'yaml';

export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly template?: PodTemplate };
  readonly data?: Readonly<Record<string, string>>;
}

interface PodTemplate {
  readonly metadata?: object;
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly automountServiceAccountToken?: boolean;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
}

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
}

export function renderedObjects(yaml: string): readonly RenderedObject[] {
  return parseAllDocuments(yaml)
    .map((document): RenderedObject | null => document.toJS())
    .filter((object) => object !== null);
}

export function findObject(objects: readonly RenderedObject[], kind: string, name: string): RenderedObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name));
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** A Pod for each template of a Deployment or DaemonSet: what their controllers would ask the API server for. */
export function podsOf(objects: readonly RenderedObject[]): readonly object[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    if ((kind !== 'Deployment' && kind !== 'DaemonSet') || spec?.template === undefined) return [];
    const { name, namespace } = metadata;
    return [
      { apiVersion: 'v1', kind: 'Pod', ...spec.template, metadata: { ...spec.template.metadata, name, namespace } },
    ];
  });
}

/** The arguments of the control plane's container, with the variables that kubelet would put in. */
export function serveArguments(objects: readonly RenderedObject[], deployment = 'sluice'): readonly string[] {
  const { metadata, spec } = findObject(objects, 'Deployment', deployment);
  const args = spec?.template?.spec.containers[0]?.args ?? [];
  return args.map((argument) => argument.replaceAll('$(POD_NAMESPACE)', metadata.namespace ?? ''));
}
