/** A whole control plane in this process whose objects a test says, on a port that stays the same when it is started again. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { ReplaySubject } from 'rxjs';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { readConfig } from '../../src/config.ts';
import { startControlPlane } from '../../src/control-plane.ts';
import type { ControlPlane } from '../../src/control-plane.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { ObjectChange, SourceEvent } from '../../src/source/source.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { applied, deleted } from './objects.ts';
import { freePort } from './ports.ts';

export interface LabOptions {
  readonly spoil?: (resource: Resource) => Resource;
  readonly flags?: Readonly<Record<string, string>>;
  /** `namespace/name` of the ConfigMap with the settings for all. */
  readonly configMap?: string;
}

export class Lab {
  readonly #options: LabOptions;
  readonly #objects = new Map<string, ObjectChange>();
  readonly #log: string[] = [];
  #events$ = new ReplaySubject<SourceEvent>();
  #controlPlane: ControlPlane | undefined;
  #port = 0;

  constructor(options: LabOptions = {}) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get controlPlane(): ControlPlane {
    if (this.#controlPlane === undefined) throw new Error('the control plane is not running');
    return this.#controlPlane;
  }

  /** Every line that was logged. */
  get log(): readonly string[] {
    return this.#log;
  }

  problems(reason?: Problem['reason']): readonly Problem[] {
    return this.controlPlane.view.problems().filter((problem) => reason === undefined || problem.reason === reason);
  }

  /** Starts with the objects that were applied before. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort();
    const flags = { dir: ['/nowhere'], xdsAddress: `127.0.0.1:${this.#port}`, adminAddress: '127.0.0.1:0' };
    const traits = { filesOnly: false, listenAddress: '127.0.0.1', logLevel: 'info', logFormat: 'json' } as const;
    const { configMap } = this.#options;
    const config = readConfig(
      { ...flags, ...(configMap && { configmap: configMap }), ...this.#options.flags },
      {},
      traits,
    );
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#log.push(chunk.toString());
        done();
      },
    });
    this.#events$ = new ReplaySubject();
    this.#events$.next({ kind: 'changes', changes: [...this.#objects.values()] });
    this.#events$.next({ kind: 'synced' });
    const listen = { ...config.listen, httpPort: 0, httpsPort: 0 };
    const { spoil } = this.#options;
    this.#controlPlane = await startControlPlane({ ...config, listen }, pino({ level: 'info' }, sink), {
      source: { events$: this.#events$ },
      ...(spoil && { spoil }),
    });
  }

  async stop(): Promise<void> {
    await this.#controlPlane?.stop();
    this.#controlPlane = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  apply(...objects: readonly KubernetesObject[]): void {
    this.#change(objects.map(applied));
  }

  remove(...objects: readonly KubernetesObject[]): void {
    this.#change(objects.map(deleted));
  }

  #change(changes: readonly ObjectChange[]): void {
    for (const change of changes) {
      const id = `${change.kind} ${change.namespace}/${change.name}`;
      if (change.object === undefined) this.#objects.delete(id);
      else this.#objects.set(id, change);
    }
    this.#events$.next({ kind: 'changes', changes });
  }
}
