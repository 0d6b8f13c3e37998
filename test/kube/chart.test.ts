/** The chart, rendered by Helm with the values that people carry over, on a real API server. */
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { manifestText, namespaceManifest } from '../support/kube-manifests.ts';
import { findObject, podsOf, type RenderedObject, renderedObjects } from '../support/manifest-tree.ts';
import { runProcess } from '../support/process.ts';
import { describeWithKubernetesAndHelm, helmBinary } from '../support/tools.ts';

const chart = resolve(import.meta.dirname, '..', '..', 'manifests', 'charts', 'sluice');

describeWithKubernetesAndHelm('the chart', () => {
  let cluster: KubeCluster;
  beforeAll(async () => {
    cluster = await startKubeCluster();
    const restricted = { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } };
    const edge = { ...namespaceManifest('edge'), metadata: { name: 'edge', ...restricted } };
    await cluster.kubectl(
      ['apply', '-f', '-'],
      manifestText(edge, namespaceManifest('host'), namespaceManifest('shop')),
    );
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  /** JSON is YAML, too. Throws with Helm's words. */
  async function render(values: object, namespace = 'edge'): Promise<string> {
    const args = ['template', 'sluice', chart, '--namespace', namespace, '--values', '-'];
    const { code, stdout, stderr } = await runProcess(helmBinary(), args, { stdin: JSON.stringify(values) });
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async function install(values: object, namespace = 'edge'): Promise<readonly RenderedObject[]> {
    const yaml = await render(values, namespace);
    await cluster.kubectl(['apply', '--validate=strict', '-f', '-'], yaml);
    const objects = renderedObjects(yaml);
    const created = ['create', '--dry-run=server', '--validate=strict', '-f', '-'];
    await cluster.kubectl(created, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: podsOf(objects) }));
    return objects;
  }

  const summary = (objects: readonly RenderedObject[]): readonly string[] =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted();

  it('installs into a namespace that enforces Pod Security restricted, without any values', async () => {
    expect(summary(await install({}))).toEqual([
      'ClusterRole edge-sluice',
      'ClusterRoleBinding edge-sluice',
      'ConfigMap sluice-envoy',
      'Deployment sluice',
      'Deployment sluice-envoy',
      'IngressClass sluice',
      'NetworkPolicy sluice',
      'NetworkPolicy sluice-envoy',
      'PodDisruptionBudget sluice',
      'PodDisruptionBudget sluice-envoy',
      'Role sluice',
      'RoleBinding sluice',
      'Secret sluice-xds-authority',
      'Secret sluice-xds-envoy',
      'Service sluice-envoy',
      'Service sluice-xds',
      'ServiceAccount sluice',
      'ServiceAccount sluice-envoy',
    ]);
  }, 60_000);

  it('takes the values of an ingress-nginx release', async () => {
    const objects = await install({
      controller: {
        replicaCount: 3,
        ingressClassResource: { name: 'nginx', default: true, controllerValue: 'k8s.io/ingress-nginx' },
        ingressClass: 'nginx',
        watchIngressWithoutClass: true,
        admissionWebhooks: { enabled: false },
        // What its chart has by default, written out.
        updateStrategy: {},
        config: { 'use-forwarded-headers': true, 'proxy-body-size': '8m', 'keep-alive': 75 },
        extraArgs: { 'default-ssl-certificate': 'shop/tls', 'log-level': 'debug' },
        extraEnvs: [{ name: 'TZ', value: 'UTC' }],
        addHeaders: { 'X-Frame-Options': 'DENY' },
        proxySetHeaders: { 'X-Edge': true },
        allowSnippetAnnotations: true,
        electionID: 'ingress-controller-leader',
        ingressClassByName: true,
        enableAnnotationValidations: true,
        minAvailable: 1,
        customTemplate: { configMapName: '' },
        service: {
          type: 'NodePort',
          externalTrafficPolicy: 'Cluster',
          nodePorts: { http: 30080, https: 30443 },
          annotations: { 'example.org/a': 'b' },
        },
        metrics: { enabled: true, service: { annotations: { 'prometheus.io/scrape': 'true' } } },
        autoscaling: { enabled: true, maxReplicas: 5 },
        resources: { requests: { cpu: '1', memory: '512Mi' } },
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ key: 'edge', operator: 'Exists' }],
        affinity: { nodeAffinity: {} },
      },
    });
    const args = findObject(objects, 'Deployment', 'sluice').spec?.template?.spec.containers[0]?.args;
    expect(args).toEqual(
      expect.arrayContaining([
        '--ingress-class=nginx',
        '--controller-name=k8s.io/ingress-nginx',
        '--watch-ingress-without-class',
        '--default-ssl-certificate=shop/tls',
        '--log-level=debug',
        '--configmap=edge/sluice-settings',
        '--ingress-class-by-name',
        '--election-id=ingress-controller-leader',
      ]),
    );
    expect(findObject(objects, 'ConfigMap', 'sluice-settings')).toMatchObject({
      data: {
        'use-forwarded-headers': 'true',
        'proxy-body-size': '8m',
        'keep-alive': '75',
        'add-headers': 'edge/sluice-settings-add-headers',
        'proxy-set-headers': 'edge/sluice-settings-proxy-set-headers',
        'allow-snippet-annotations': 'true',
      },
    });
    expect(findObject(objects, 'ConfigMap', 'sluice-settings-add-headers')).toMatchObject({
      data: { 'X-Frame-Options': 'DENY' },
    });
    expect(findObject(objects, 'ConfigMap', 'sluice-settings-proxy-set-headers')).toMatchObject({
      data: { 'X-Edge': 'true' },
    });
    expect(findObject(objects, 'Service', 'sluice-envoy').spec).toMatchObject({
      type: 'NodePort',
      externalTrafficPolicy: 'Cluster',
      ports: [{ nodePort: 30080 }, { nodePort: 30443 }],
    });
  }, 60_000);

  it('puts a DaemonSet onto the host network, which needs a namespace that allows it', async () => {
    const values = { controller: { kind: 'DaemonSet', hostNetwork: true, service: { enabled: false } } };
    await expect(install(values)).rejects.toThrow('violates PodSecurity');
    const objects = await install(values, 'host');
    expect(summary(objects)).toContain('DaemonSet sluice-envoy');
    expect(JSON.stringify(findObject(objects, 'DaemonSet', 'sluice-envoy'))).toContain('"containerPort":443');
  }, 60_000);

  it('has only Roles for one namespace', async () => {
    const objects = await install({ controller: { scope: { enabled: true, namespace: 'shop' } } });
    expect(summary(objects).filter((line) => /Role|Binding/.test(line))).toEqual([
      'Role sluice',
      'Role sluice-watch',
      'RoleBinding sluice',
      'RoleBinding sluice-watch',
    ]);
    expect(findObject(objects, 'Role', 'sluice-watch').metadata.namespace).toBe('shop');
  }, 60_000);

  it.each([
    [{ controller: { replicas: 3 } }, "at '/controller': additional properties 'replicas' not allowed"],
    [{ controller: { kind: 'Both' } }, "at '/controller/kind': value must be one of 'Deployment', 'DaemonSet'"],
    [{ controller: { service: { type: 'External' } } }, "at '/controller/service/type'"],
    [{ controller: { admissionWebhooks: { enabled: true } } }, 'controller.admissionWebhooks: Sluice has no admission'],
    [{ controller: { extraContainers: [{ name: 'x' }] } }, 'post-renderer'],
    [{ defaultBackend: { enabled: true } }, 'defaultBackend: deploy it yourself'],
    [{ tcp: { '22': 'git/git:22' } }, 'tcp: Sluice serves HTTP only'],
  ])('refuses %j and says why', async (values, reason) => {
    await expect(render(values)).rejects.toThrow(reason);
  });

  it('is linted', async () => {
    const { code, stdout } = await runProcess(helmBinary(), ['lint', '--strict', chart]);
    expect({ code, stdout }).toMatchObject({ code: 0 });
  });
});
