/** A real Envoy that bootstraps against a control plane of the test, over delta ADS or state of the world. */
import { renderBootstrap } from '../../src/cli/bootstrap.ts';
import { startEnvoy } from './envoy.ts';
import type { EnvoyOptions, RunningEnvoy } from './envoy.ts';

export interface JoinOptions extends Partial<Omit<EnvoyOptions, 'bootstrap'>> {
  readonly xdsPort: number;
  readonly protocol?: 'delta' | 'sotw';
  readonly nodeId?: string;
  readonly zone?: string;
  readonly verifierPort?: number;
}

export function joinEnvoy({
  xdsPort,
  protocol = 'delta',
  nodeId = 'test',
  zone,
  verifierPort,
  ...options
}: JoinOptions): Promise<RunningEnvoy> {
  const bootstrap = renderBootstrap({
    nodeId,
    cluster: 'default',
    xds: { host: '127.0.0.1', port: xdsPort },
    admin: { host: '127.0.0.1', port: 0 },
    maxHeapBytes: 2 ** 30,
    ...(zone !== undefined && { zone }),
    ...(verifierPort !== undefined && { verifier: { host: '127.0.0.1', port: verifierPort } }),
  });
  const text = protocol === 'delta' ? bootstrap : bootstrap.replace('api_type: DELTA_GRPC', 'api_type: GRPC');
  return startEnvoy({ ...options, bootstrap: text });
}
