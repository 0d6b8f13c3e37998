/** `sluice migrate` against a real API server, with rights to read and no others. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { rawConfigMap, rawIngress } from '../source/raw-objects.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { runSluice } from '../support/sluice.ts';
import { describeWithKubernetes } from '../support/tools.ts';
import { apply } from './fault-scene.ts';

describeWithKubernetes('sluice migrate, in a cluster', () => {
  let cluster: KubeCluster;
  beforeAll(async () => {
    cluster = await startKubeCluster();
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  it('reports what is there, and ends', async () => {
    const ingress = rawIngress('web');
    const annotations = { 'nginx.ingress.kubernetes.io/app-root': '/x' };
    await apply(
      cluster,
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'nginx' },
        spec: { controller: 'k8s.io/ingress-nginx' },
      },
      {
        ...ingress,
        metadata: { ...ingress.metadata, annotations },
        spec: { ...Object(ingress['spec']), ingressClassName: 'nginx' },
      },
      rawConfigMap('settings', { 'http-snippet': 'gzip on;' }),
    );
    const flags = ['--kubeconfig', cluster.kubeconfig, '--configmap', 'default/settings', '--output', 'json'];
    const { code, stdout, stderr } = await runSluice(['migrate', ...flags]);
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      ingresses: [{ ingress: 'default/web', verdict: 'same', annotations: [{ name: 'app-root', value: '/x' }] }],
      configMap: { keys: [{ name: 'http-snippet', verdict: 'refused' }] },
    });
  }, 60_000);

  it('says in one line what it cannot read', async () => {
    const { code, stderr } = await runSluice(['migrate', '--kubeconfig', 'package.json']);
    expect([code, stderr.trim().split('\n').length]).toEqual([2, 1]);
  }, 60_000);
});
