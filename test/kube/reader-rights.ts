/** RBAC objects that allow a service account to read what Sluice reads, and nothing else. */
import type { RawObject } from '../source/raw-objects.ts';

const read = ['list', 'watch'];
const namespaced = [
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: read },
  { apiGroups: [''], resources: ['services', 'secrets', 'configmaps'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
];
const classes = { apiGroups: ['networking.k8s.io'], resources: ['ingressclasses'], verbs: read };
const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;

/** In the whole cluster. */
export function readerRights(namespace: string, name: string): readonly RawObject[] {
  const metadata = { name };
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules: [...namespaced, classes] },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    },
  ];
}

/** In one namespace, by a Role, for an account of another one. */
export function readerRightsIn(namespace: string, account: { namespace: string; name: string }): readonly RawObject[] {
  const metadata = { name: account.name, namespace };
  return [
    { apiVersion, kind: 'Role', metadata, rules: namespaced },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'Role', name: account.name },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
  ];
}
