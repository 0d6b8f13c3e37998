/** Proves that the tests can start a real Envoy, reach it and end it. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { httpRequest } from '../support/http-request.ts';
import { describeWithEnvoy } from '../support/tools.ts';

describeWithEnvoy('an Envoy of the testbed', () => {
  let envoy: RunningEnvoy;
  beforeAll(async () => {
    envoy = await startEnvoy({ bootstrap });
  });
  afterAll(async () => {
    await envoy.stop();
  });

  it('answers a request as its bootstrap says', async () => {
    const answer = await httpRequest({ port: await envoy.listenerPort('http'), host: 'shop.test', path: '/cart' });

    expect(answer).toMatchObject({ status: 200, body: 'shop.test' });
  });

  it('tells its configuration and its statistics on the admin interface', async () => {
    const dump = await envoy.configDump();

    expect(JSON.stringify(dump)).toContain('direct_response');
    expect(await envoy.stat('listener_manager.listener_added')).toBe(1);
    expect(await envoy.stat('no.such.counter')).toBeUndefined();
  });

  it('says in the error what is wrong with a bootstrap it refuses', async () => {
    await expect(startEnvoy({ bootstrap: 'static_resources: { listeners: [{ name: broken }] }' })).rejects.toThrow(
      /Envoy ended.*address/s,
    );
  });

  it('is gone after stop and after a kill', async () => {
    const stopped = await startEnvoy({ bootstrap });
    await stopped.stop();
    const killed = await startEnvoy({ bootstrap });
    await killed.kill9();

    expect([stopped.isRunning(), killed.isRunning()]).toEqual([false, false]);
    expect(() => process.kill(stopped.pid, 0)).toThrow('ESRCH');
    expect(await killed.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
  });
});

const bootstrap = `
static_resources:
  listeners:
    - name: http
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                route_config:
                  virtual_hosts:
                    - name: any
                      domains: ['*']
                      routes:
                        - match: { prefix: / }
                          direct_response:
                            status: 200
                            body_format: { text_format_source: { inline_string: '%REQ(:AUTHORITY)%' } }
                            body: { inline_string: x }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`;
