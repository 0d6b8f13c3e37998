import { expect, it } from '@jest/globals';
import { configMap } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

const settings = {
  'global-allowed-response-headers': 'X-One,X-Two, Server',
  'add-headers': 'default/added',
  'proxy-set-headers': 'default/sent',
  'hide-headers': 'X-Powered-By',
};

describeWithEnvoy('headers of ConfigMaps', () => {
  const stage = scene({
    configMap: settings,
    backends: {
      web: {},
      own: {
        handler: (_request, response) => {
          response.writeHead(200, { 'x-one': 'own', 'x-added': 'own', 'x-powered-by': 'own' }).end();
        },
      },
    },
  });
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'own:80' } });
  const custom = (name: string) => ({ 'custom-headers': name });

  it('are on every answer of the Ingress, in place of those of the backend', async () => {
    const annotations = custom('default/good');
    await stage.apply(
      {
        i: { hosts: host('i'), annotations },
        away: { hosts: host('away'), annotations: { ...annotations, 'permanent-redirect': 'https://x.test/' } },
        denied: { hosts: host('denied'), annotations: { ...custom('good'), 'denylist-source-range': '127.0.0.1' } },
        plain: { hosts: host('plain') },
      },
      configMap('good', { 'X-One': '100% %REQ(x)%', 'X-Two': '$host' }),
    );
    for (const name of ['i', 'away', 'denied']) {
      const { headers } = await stage.ask(`${name}.test`);
      expect(headers).toMatchObject({ 'x-one': '100% %REQ(x)%', 'x-two': '$host' });
    }
    expect((await stage.ask('plain.test')).headers['x-one']).toBe('own');
  });

  it('follow the ConfigMap', async () => {
    await stage.apply({ i: { hosts: host('i'), annotations: custom('good') } }, configMap('good', { 'X-One': 'new' }));
    expect((await stage.ask('i.test')).headers['x-one']).toBe('new');
  });

  it('close the paths where they may not be set, or are not there', async () => {
    await stage.apply(
      {
        missing: { hosts: host('missing'), annotations: custom('default/none') },
        foreign: { hosts: host('foreign'), annotations: custom('other/good') },
        forbidden: { hosts: host('forbidden'), annotations: custom('forbidden') },
        split: { hosts: host('split'), annotations: custom('split') },
        odd: { hosts: host('odd'), annotations: custom('a/b/c') },
      },
      configMap('forbidden', { 'X-Three': 'x', 'X-Four': 'x', 'bad name': 'x', Host: 'x' }),
      configMap('split', { 'X-One': 'x\r\nX-Two: y' }),
      configMap('good', { 'X-One': 'x' }, 'other'),
    );
    for (const name of ['missing', 'foreign', 'forbidden', 'split', 'odd']) {
      expect([name, await stage.outcome(`${name}.test`)]).toEqual([name, '503']);
    }
    expect(stage.problems().filter((each) => each.endsWith('custom-headers InvalidProtection')).length).toBe(6);
    const ofForbidden = stage.serving.translation.problems().filter(({ object }) => object.name === 'forbidden');
    expect(ofForbidden.map(({ message }) => message.split(';').slice(0, -1).join(';'))).toEqual([
      'Host is a header that Envoy itself sets; "bad name" is no name of a header',
      'Host, X-Four, X-Three, bad name may not be set',
    ]);
  });

  it('are on all requests and answers where the settings say so, and others are hidden', async () => {
    await stage.apply(
      { web: { hosts: { 'web.test': { '/': 'web:80' } } }, plain: { hosts: host('plain') } },
      configMap('added', { 'X-Added': 'a %REQ(x)%', 'Content-Length': '7', 'X-Variable': '$host' }),
      configMap('sent', { 'X-Sent': 'b' }),
    );
    const { echo, headers } = await stage.ask('web.test', { headers: { 'x-sent': 'own' } });
    expect(echo?.headers['x-sent']).toBe('b');
    expect(headers['x-added']).toBe('a %REQ(x)%');
    expect(headers['x-variable']).toBeUndefined();
    const { headers: plain } = await stage.ask('plain.test');
    expect([plain['x-added'], plain['x-powered-by']]).toEqual(['a %REQ(x)%', undefined]);
    expect((await stage.ask('unknown.test')).headers['x-added']).toBe('a %REQ(x)%');
  });
});
