import { describe, expect, it } from '@jest/globals';
import { groupCount, pathRegexFault, requestRegex } from '../../src/model/path-regex.ts';

describe('a path that is a regular expression', () => {
  it.each([
    '/',
    '/foo(/|$)(.*)',
    '/api/v[0-9]+/(?P<name>\\w+)',
    '/a\\.b\\-c\\_d',
    '/[^/]{1,3}\\d*?',
    '/(?:a|b)+',
    '/(?<id>[^/]{1,255})/(?P<v>v\\d{1,3})/.*',
    '/a|/b',
    '/%20',
  ])('can be %s', (text) => {
    expect(pathRegexFault(text)).toBeUndefined();
  });

  it.each([
    ['foo', /start/],
    ['/(?!x)', /group/],
    ['/(?<=x)y', /group/],
    ['/(?i)x', /group/],
    ['/(?>x)', /group/],
    ['/(a)\\1', /refers back/],
    ['/\\Qx', /escape/],
    ['/x\\', /escape/],
    ['/a**', /not a regular expression/],
    ['/a++', /not a regular expression/],
    ['/(', /not a regular expression/],
    ['/[', /not a regular expression/],
    ['/[]', /class/],
    ['/[a-\\d]', /not a regular expression/],
    ['/[[:foo:]', /POSIX/],
    ['/[[:alpha:]', /POSIX/],
    ['/(?<a$>x)', /group/],
    ['/(?<aé>x)', /group/],
    [`/(?:${'\\W'.repeat(300)}){1000}`, /too large/],
    [`/(?:${'ab'.repeat(300)}){1000}`, /too large/],
    ['/a{1001}', /more than 1,000/],
    ['/(a{50}){50}', /more than 1,000/],
    ['/a b', /white space/],
    ['/a\nb', /white space/],
    [`/${'a'.repeat(2000)}`, /longer/],
  ])('cannot be %j', (text, why) => {
    expect(pathRegexFault(text)).toMatch(why);
  });

  it('counts its groups', () => {
    expect(['/', '/(a)(?:b)(c)?', '/[(](x)', '/\\((x)', '/('].map(groupCount)).toEqual([0, 2, 1, 1, 0]);
  });

  it('is anchored like the first of its alternatives', () => {
    expect(['/a', '/(a|b)', '/[|]', '/a\\|b', '/a|b'].map(requestRegex)).toEqual([
      '(?i)/a.*',
      '(?i)/(a|b).*',
      '(?i)/[|].*',
      '(?i)/a\\|b.*',
      '(?i).*?(?:^/a|b).*',
    ]);
  });
});
