/** One Envoy for all cases, and a control plane whose objects and options can be replaced as a whole. */
import type { KubernetesObject } from '../../../src/cluster/kubernetes-object.ts';
import { Translation } from '../../../src/translation/translation.ts';
import type { TranslationOptions } from '../../../src/translation/translation.ts';
import type { ResourceChange } from '../../../src/xds/view.ts';
import { XdsServer } from '../../../src/xds/server.ts';
import { startBackend } from '../../support/backend.ts';
import type { Backend } from '../../support/backend.ts';
import type { RunningEnvoy } from '../../support/envoy.ts';
import { eventuallyPresent } from '../../support/eventually.ts';
import { httpRequest } from '../../support/http-request.ts';
import { joinEnvoy } from '../../support/joined-envoy.ts';
import { applied, endpointSlice, ingress, ingressClass, service } from '../../support/objects.ts';
import { translationOptions } from '../../support/serving.ts';

const serverNames = ['web', 'api', 'shop', 'other', 'team-web', 'marker'] as const;

export class Stage {
  readonly #server: XdsServer;
  readonly #envoy: RunningEnvoy;
  readonly #httpPort: number;
  readonly #backends: readonly Backend[];
  #published: readonly ResourceChange[] = [];
  #round = 0;

  constructor(server: XdsServer, envoy: RunningEnvoy, httpPort: number, backends: readonly Backend[]) {
    this.#server = server;
    this.#envoy = envoy;
    this.#httpPort = httpPort;
    this.#backends = backends;
  }

  static async open(): Promise<Stage> {
    const backends = await Promise.all(serverNames.map((name) => startBackend({ name, address: '::' })));
    const server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
    const port = await server.start();
    server.publish(new Translation(translationOptions).commit());
    const envoy = await joinEnvoy({ xdsPort: port });
    return new Stage(server, envoy, await envoy.listenerPort('http'), backends);
  }

  portOf(name: string): number {
    return this.#backends.find((backend) => backend.name === name)?.port ?? 0;
  }

  /** Puts these objects in place of all others, and waits until Envoy serves them. */
  async show(options: TranslationOptions, objects: readonly KubernetesObject[]): Promise<Translation> {
    const translation = new Translation(options);
    const marker = `marker-${(this.#round += 1)}.test`;
    translation.update([...this.#services(), ...this.#marker(marker, options), ...objects].map(applied));
    const now = translation.commit();
    const names = new Set(now.map(({ typeUrl, name }) => `${typeUrl} ${name}`));
    const gone = this.#published.filter(({ typeUrl, name }) => !names.has(`${typeUrl} ${name}`));
    this.#server.publish([...now, ...gone.map((each) => ({ ...each, resource: undefined }))]);
    this.#published = now;
    await eventuallyPresent(
      'the marker of the new objects',
      async () => (await this.ask(marker, '/')) === 'marker' || undefined,
    );
    return translation;
  }

  /** The backend that answered, or the status when none did. */
  async ask(host: string, path: string): Promise<string> {
    const { status, body } = await httpRequest({ port: this.#httpPort, host, path });
    if (status !== 200) return String(status);
    const echo: { backend: string } = JSON.parse(body);
    return echo.backend;
  }

  async close(): Promise<void> {
    await this.#envoy.stop();
    await this.#server.stop();
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #services(): readonly KubernetesObject[] {
    const slice = (name: string, server: string, portName: string, namespace = 'default'): KubernetesObject =>
      endpointSlice(`${name}-${portName}`, name, { [portName]: this.portOf(server) }, ['127.0.0.1'], namespace);
    return [
      ...['web', 'api', 'shop', 'other', 'marker'].flatMap((name) => [
        service(name, { http: 80 }),
        slice(name, name, 'http'),
      ]),
      service('web', { http: 80 }, 'team'),
      slice('web', 'team-web', 'http', 'team'),
      service('two', { http: 80, admin: 81 }),
      slice('two', 'web', 'http'),
      slice('two', 'api', 'admin'),
    ];
  }

  /** Tells that Envoy has the new objects. Its class is there whatever the classes of the case are. */
  #marker(host: string, { classes }: TranslationOptions): readonly KubernetesObject[] {
    return [
      ingressClass('marker', classes.controllers[0]),
      ingress('marker', { namespace: 'default', className: 'marker', hosts: { [host]: { '/': 'marker:80' } } }),
    ];
  }
}
