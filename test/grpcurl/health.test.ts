/** The health service, asked by the real grpcurl: what a load balancer in front of several control planes goes by. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { grpcurl, grpcurlCall, openGrpcurlStream } from '../support/grpcurl.ts';
import { ingressClass } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithGrpcurl } from '../support/tools.ts';

const check = 'grpc.health.v1.Health/Check';

describeWithGrpcurl('grpcurl, which asks for health', () => {
  let serving: Serving;
  beforeEach(async () => {
    serving = await startServing();
  });
  afterEach(() => serving.stop());

  it.each(['', 'envoy.service.discovery.v3.AggregatedDiscoveryService'])(
    'hears NOT_SERVING before the first publication and SERVING after it, of service "%s"',
    async (service) => {
      expect(await grpcurlCall(serving.port, check, { service })).toEqual([{ status: 'NOT_SERVING' }]);

      serving.apply(ingressClass());

      expect(await grpcurlCall(serving.port, check, { service })).toEqual([{ status: 'SERVING' }]);
    },
  );

  it('hears of the change when it watches', async () => {
    const stream = await openGrpcurlStream(serving.port, 'grpc.health.v1.Health/Watch', {});
    try {
      expect(await stream.responses(1)).toEqual([{ status: 'NOT_SERVING' }]);

      serving.apply(ingressClass());

      expect(await stream.responses(2)).toEqual([{ status: 'NOT_SERVING' }, { status: 'SERVING' }]);
    } finally {
      await stream.stop();
    }
  });

  it('hears NOT_FOUND of a service that is not here', async () => {
    const args = ['-plaintext', '-d', '@', `127.0.0.1:${serving.port}`, check];
    const { code, stderr } = await grpcurl(args, '{"service": "shop"}');
    expect(code).not.toBe(0);
    expect(stderr).toContain('Code: NotFound');
    expect(stderr).toContain('there is no service "shop" here');
  });
});
