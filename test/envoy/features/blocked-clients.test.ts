import { expect, it } from '@jest/globals';
import { configMap } from '../../support/objects.ts';
import { eventually } from '../../support/eventually.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('clients that the ConfigMap blocks', () => {
  const s = scene({ configMapNamed: 'settings', tlsNames: ['a.test'] });
  const hosts = { 'a.test': { '/': 'web:80' } };
  const tls = { b: { hosts: { 'b.test': { '/': 'web:80' } }, tls: [{ hosts: ['b.test'], secretName: 'tls' }] } };
  const outcomes = () => Promise.all(['a.test/', 'b.test/', 'unknown.test/'].map((url) => s.outcome(url)));
  const open = ['web /', '308 https://b.test', '404'];
  const closed = ['403', '403', '403'];

  it('are told by their address, before redirects, and also where nobody serves them', async () => {
    await s.apply({ a: { hosts }, ...tls }, configMap('settings', {}));
    await eventually(async () => expect(await outcomes()).toEqual(open));
    await s.apply({}, configMap('settings', { 'block-cidrs': '192.0.2.0/24, 127.0.0.0/8' }));
    await eventually(async () => expect(await outcomes()).toEqual(closed));
    await s.apply({}, configMap('settings', { 'block-cidrs': '192.0.2.0/24' }));
    await eventually(async () => expect(await outcomes()).toEqual(open));
  });

  it('are told by their user agent, as a whole or by an expression', async () => {
    await s.apply({ a: { hosts } }, configMap('settings', { 'block-user-agents': 'Bad Bot, ~*^curl/\\d,~Evil x' }));
    const asked = async (agent: string) => (await s.ask('a.test/', { headers: { 'user-agent': agent } })).status;
    await eventually(async () => expect(await asked('bad bot')).toBe(403));
    const agents = ['Bad Bots', 'CURL/8.1', 'my curl/8', 'an Evil x here', 'evil x'];
    expect(await Promise.all(agents.map(asked))).toEqual([200, 403, 200, 403, 200]);
    expect((await s.ask('a.test/')).status).toBe(200);
  });

  it('are told by where they come from', async () => {
    const referers = 'https://evil.test/x, ~*://spam\\.';
    await s.apply({ a: { hosts } }, configMap('settings', { 'block-referers': referers }));
    const asked = async (referer: string) => (await s.ask('a.test/', { headers: { referer } })).status;
    await eventually(async () => expect(await asked('https://evil.test/x')).toBe(403));
    const urls = ['https://evil.test/', 'https://SPAM.test/', 'https://good.test/?spam.'];
    expect(await Promise.all(urls.map(asked))).toEqual([200, 403, 200]);
  });

  it.each([
    { 'block-cidrs': 'nonsense' },
    { 'block-user-agents': '~(?=x)' },
    { 'block-user-agents': '~**bot' },
    { 'block-referers': '~(' },
  ])('close everything while it cannot be read who they are: %j', async (data) => {
    await s.apply({ a: { hosts } }, configMap('settings', data));
    await eventually(async () => expect(await s.outcome('a.test/')).toBe('503'));
    expect(s.problems()).toContain(`settings data[${Object.keys(data)[0] ?? ''}] InvalidProtection`);
  });
});
