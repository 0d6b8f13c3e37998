/** With rights in some namespaces only, by Roles: a real API server decides what is allowed. */
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import { rawConfigMap, rawIngress, rawSecret } from '../source/raw-objects.ts';
import { Recorder } from '../source/recorder.ts';
import { keepingLog } from '../source/silent-log.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { describeWithKubernetes } from '../support/tools.ts';
import { apply } from './fault-scene.ts';
import { readerRightsIn } from './reader-rights.ts';

jest.setTimeout(90_000);

describeWithKubernetes('a source with Roles only', () => {
  const account = { namespace: 'default', name: 'sluice' };
  let cluster: KubeCluster;
  let recorder: Recorder;
  let lines: readonly string[];

  const begin = async (namespaces: readonly string[], configMaps: readonly string[] = []): Promise<void> => {
    const token = (await cluster.kubectl(['create', 'token', account.name])).trim();
    const kubeConfig = new KubeConfig();
    const caData = Buffer.from(cluster.ca).toString('base64');
    const server = { name: 'c', server: cluster.url, caData, skipTLSVerify: false };
    kubeConfig.loadFromClusterAndUser(server, { name: 'u', token });
    const kept = keepingLog();
    ({ lines } = kept);
    recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces, configMaps, log: kept.log }));
  };

  beforeAll(async () => {
    cluster = await startKubeCluster();
    await cluster.kubectl(['create', 'serviceaccount', account.name]);
    for (const namespace of ['blue', 'green']) {
      // oxlint-disable-next-line no-await-in-loop -- kubectl is a process, one at a time is enough
      await cluster.kubectl(['create', 'namespace', namespace]);
      const tls = { ...rawSecret('web-tls'), metadata: { name: 'web-tls', namespace }, type: 'Opaque' };
      const ingress = rawIngress('web', `${namespace}.test`, namespace);
      const spec = { ...Object(ingress['spec']), tls: [{ hosts: [`${namespace}.test`], secretName: 'web-tls' }] };
      // oxlint-disable-next-line no-await-in-loop -- as above
      await apply(cluster, { ...ingress, spec }, tls);
    }
    await apply(cluster, ...readerRightsIn('blue', account));
  });
  afterEach(() => recorder.stop());
  afterAll(() => cluster.stop());

  it('reads what the Roles allow, says what they do not, and takes what they allow later', async () => {
    await begin(['blue', 'green']);
    await recorder.synced(20_000);
    expect(recorder.names).toEqual(['Ingress blue/web', 'Secret blue/web-tls']);
    const text = lines.join('\n');
    expect(text).toContain('does not allow us to list ingresses of namespace green');
    expect(text).toContain('does not allow us to list ingressclasses');
    expect(text).not.toContain('of namespace blue');
    expect(text).not.toMatch(/cannot list resource "(ingresses|services|secrets)" in API group "[^"]*" at the cluster/);

    await apply(cluster, ...readerRightsIn('green', account));
    await recorder.until('green came', () => recorder.objects.has('Secret green/web-tls'));
    expect(recorder.syncs).toBe(1);

    // What is forbidden later stays as it was.
    await cluster.kubectl(['delete', 'rolebinding', account.name, '-n', 'green']);
    await apply(cluster, rawIngress('new', 'new.test', 'blue'));
    await recorder.until('blue goes on', () => recorder.objects.has('Ingress blue/new'));
    expect(recorder.objects.has('Ingress green/web')).toBe(true);
    expect(recorder.changes.filter(({ object }) => object === undefined)).toEqual([]);
  });

  it('reads a ConfigMap elsewhere by a right to that name, and waits for none that an Ingress names in vain', async () => {
    const group = 'rbac.authorization.k8s.io';
    const metadata = { name: 'settings', namespace: 'default' };
    const rule = { apiGroups: [''], resources: ['configmaps'], resourceNames: ['settings'], verbs: ['list', 'watch'] };
    const naming = rawIngress('naming', 'naming.test', 'blue');
    const annotations = { 'nginx.ingress.kubernetes.io/custom-headers': 'kube-system/headers' };
    await apply(
      cluster,
      rawConfigMap('settings', { hsts: 'false' }),
      { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules: [rule] },
      {
        apiVersion: `${group}/v1`,
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: group, kind: 'Role', name: 'settings' },
        subjects: [{ kind: 'ServiceAccount', ...account }],
      },
      { ...naming, metadata: { ...naming.metadata, annotations } },
    );
    await begin(['blue'], ['default/settings']);
    await recorder.synced(20_000);
    expect(recorder.names).toContain('ConfigMap default/settings');
    expect(recorder.names).toContain('Ingress blue/naming');
    await apply(cluster, rawConfigMap('settings', { hsts: 'true' }));
    const hsts = () => {
      const object = recorder.objects.get('ConfigMap default/settings');
      return object?.kind === 'ConfigMap' ? object.data['hsts'] : undefined;
    };
    await recorder.until('the change came', () => hsts() === 'true');
  });

  it('is not synced when it may read nothing at all', async () => {
    await begin(['green']);
    await recorder.until('everything was refused', () => lines.length >= 4);
    expect(recorder.events).toEqual([]);
  });
});
