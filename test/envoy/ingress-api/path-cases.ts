/** Paths: the table of the Ingress documentation, and what its sentences about elements, slashes and precedence mean. */
import { pathCase } from './case.ts';
import type { IngressCase } from './case.ts';

const p = pathCase;

/** Every row of the documentation's table of examples. */
const documented: readonly IngressCase[] = [
  p('d1.test', 'Prefix / matches every path', { '/': 'web' }, { '/': 'web', '/any': 'web', '/any/where/': 'web' }),
  p('d2.test', 'Exact /foo matches /foo', { '=/foo': 'web' }, { '/foo': 'web' }),
  p('d3.test', 'Exact /foo does not match /bar', { '=/foo': 'web' }, { '/bar': '404' }),
  p('d4.test', 'Exact /foo does not match /foo/', { '=/foo': 'web' }, { '/foo/': '404' }),
  p('d5.test', 'Exact /foo/ does not match /foo', { '=/foo/': 'web' }, { '/foo': '404', '/foo/': 'web' }),
  p('d6.test', 'Prefix /foo matches /foo and /foo/', { '/foo': 'web' }, { '/foo': 'web', '/foo/': 'web' }),
  p('d7.test', 'Prefix /foo/ matches /foo and /foo/', { '/foo/': 'web' }, { '/foo': 'web', '/foo/': 'web' }),
  p('d8.test', 'Prefix /aaa/bb does not match /aaa/bbb', { '/aaa/bb': 'web' }, { '/aaa/bbb': '404' }),
  p('d9.test', 'Prefix /aaa/bbb matches /aaa/bbb', { '/aaa/bbb': 'web' }, { '/aaa/bbb': 'web' }),
  p(
    'd10.test',
    'Prefix /aaa/bbb/ matches /aaa/bbb, its slash does not count',
    { '/aaa/bbb/': 'web' },
    { '/aaa/bbb': 'web' },
  ),
  p(
    'd11.test',
    'Prefix /aaa/bbb matches /aaa/bbb/, the slash of the request does not count',
    { '/aaa/bbb': 'web' },
    { '/aaa/bbb/': 'web' },
  ),
  p(
    'd12.test',
    'Prefix /aaa/bbb matches /aaa/bbb/ccc, a path below it',
    { '/aaa/bbb': 'web' },
    { '/aaa/bbb/ccc': 'web' },
  ),
  p('d13.test', 'Prefix /aaa/bbb does not match /aaa/bbbxyz', { '/aaa/bbb': 'web' }, { '/aaa/bbbxyz': '404' }),
  p(
    'd14.test',
    'Prefix / and Prefix /aaa: /aaa/ccc goes to /aaa',
    { '/': 'web', '/aaa': 'api' },
    { '/aaa/ccc': 'api' },
  ),
  p(
    'd15.test',
    'Prefix / and /aaa and /aaa/bbb: /aaa/bbb goes to the longest',
    { '/': 'web', '/aaa': 'api', '/aaa/bbb': 'shop' },
    { '/aaa/bbb': 'shop' },
  ),
  p(
    'd16.test',
    'Prefix / and /aaa and /aaa/bbb: /ccc goes to /',
    { '/': 'web', '/aaa': 'api', '/aaa/bbb': 'shop' },
    { '/ccc': 'web' },
  ),
  p('d17.test', 'Prefix /aaa alone: /ccc is nobody’s', { '/aaa': 'web' }, { '/ccc': '404' }),
  p(
    'd18.test',
    'Prefix /foo and Exact /foo: /foo goes to the exact one',
    { '/foo': 'web', '=/foo': 'api' },
    { '/foo': 'api', '/foo/': 'web' },
  ),
];

const elements: readonly IngressCase[] = [
  p('e1.test', 'an Exact path is case sensitive', { '=/foo': 'web' }, { '/FOO': '404', '/Foo': '404' }),
  p('e2.test', 'a Prefix is case sensitive', { '/foo': 'web' }, { '/FOO': '404', '/FOO/x': '404' }),
  p('e3.test', 'Exact / matches the root only', { '=/': 'web' }, { '/': 'web', '/x': '404' }),
  p(
    'e4.test',
    'a query does not take part in an Exact match',
    { '=/foo': 'web' },
    { '/foo?a=1': 'web', '/foo?': 'web' },
  ),
  p(
    'e5.test',
    'a query does not take part in a Prefix match',
    { '/foo': 'web' },
    { '/foo?a=/b': 'web', '/fo?o': '404' },
  ),
  p('e6.test', 'a Prefix does not match in the middle of a path', { '/foo': 'web' }, { '/x/foo': '404' }),
  p('e7.test', 'a dot belongs to its element', { '/foo': 'web' }, { '/foo.html': '404' }),
  p('e8.test', 'a dot in a path is a dot, not any character', { '=/a.b': 'web' }, { '/a.b': 'web', '/axb': '404' }),
  p(
    'e9.test',
    'a dot in a Prefix is a dot, not any character',
    { '/a.b': 'web' },
    { '/a.b/c': 'web', '/axb/c': '404' },
  ),
  p('e10.test', 'a star in a path is a star', { '/foo/*': 'web' }, { '/foo/x': '404', '/foo/*': 'web' }),
  p(
    'e11.test',
    'brackets and other signs of regular expressions are themselves',
    { '=/a(b)[c]+$': 'web' },
    { '/a(b)[c]+$': 'web', '/abc': '404' },
  ),
  p('e12.test', 'a semicolon belongs to its element', { '/foo': 'web' }, { '/foo;v=1': '404' }),
  p('e13.test', 'a percent sign of an escape is compared as it is written', { '=/a%20b': 'web' }, { '/a%20b': 'web' }),
  p(
    'e25.test',
    'a letter that needs no escape is the same with one, in a rule and in a request',
    { '=/%7Euser': 'web', '/%61%2Db': 'api' },
    { '/~user': 'web', '/%7euser': 'web', '/a-b/c': 'api', '/%61-b': 'api' },
  ),
  p(
    'e26.test',
    'a letter that clients escape is the same without an escape in a rule',
    { '/k\u00e4se': 'web', '/{id}|"^`<x>': 'api' },
    { '/k%C3%A4se': 'web', '/k%C3%A4se/x': 'web', '/%7Bid%7D%7C%22%5E%60%3Cx%3E': 'api', '/{id}|"^`<x>/y': 'api' },
  ),
  p('e14.test', 'an escaped slash does not divide elements', { '/a': 'web' }, { '/a%2Fb': '404' }),
  p(
    'e15.test',
    'the hidden folder of an ACME challenge is a path like any other',
    { '=/.well-known/acme-challenge/t-0_x': 'api', '/': 'web' },
    { '/.well-known/acme-challenge/t-0_x': 'api', '/.well-known/acme-challenge/other': 'web' },
  ),
  p(
    'e16.test',
    'slashes of a request that follow each other count as one',
    { '/a/b': 'web' },
    { '/a//b': 'web', '//a/b/': 'web' },
  ),
  p(
    'e17.test',
    'dots of a request are resolved before it is matched',
    { '/a': 'web', '/b': 'api' },
    { '/a/../b': 'api', '/a/./x': 'web' },
  ),
  p('e18.test', 'dots of a request that lead above the root are dropped', { '/a': 'web' }, { '/../a': 'web' }),
  p('e19.test', 'an escaped dot is a dot', { '/a': 'web', '/b': 'api' }, { '/a/%2e%2e/b': 'api' }),
  p(
    'e20.test',
    'a path of many elements is matched whole',
    { '/a/b/c/d/e/f/g': 'web' },
    { '/a/b/c/d/e/f/g/h': 'web', '/a/b/c/d/e/f': '404' },
  ),
  p(
    'e21.test',
    'a long path is matched whole',
    { [`=/${'x'.repeat(2000)}`]: 'web' },
    { [`/${'x'.repeat(2000)}`]: 'web', [`/${'x'.repeat(1999)}`]: '404' },
  ),
  p(
    'e22.test',
    'two Exact paths that differ in a slash are two paths',
    { '=/a': 'web', '=/a/': 'api' },
    { '/a': 'web', '/a/': 'api' },
  ),
  p(
    'e23.test',
    'letters beyond ASCII are compared as a client escapes them',
    { '/caf%C3%A9': 'web' },
    { '/caf%C3%A9': 'web' },
  ),
];

const precedence: readonly IngressCase[] = [
  p(
    'o1.test',
    'the order in which Prefix paths are written does not matter',
    { '/a/b/c': 'shop', '/': 'web', '/a/b': 'api' },
    { '/a/b/c': 'shop', '/a/b/x': 'api', '/a': 'web' },
  ),
  p(
    'o2.test',
    'an Exact path wins against a longer Prefix that ends in a slash',
    { '/a/b/': 'web', '=/a/b': 'api' },
    { '/a/b': 'api', '/a/b/': 'web' },
  ),
  p(
    'o3.test',
    'an Exact path wins against every Prefix that matches too',
    { '/': 'web', '/a': 'web', '=/a/b/c': 'api' },
    { '/a/b/c': 'api', '/a/b/c/d': 'web' },
  ),
  p(
    'o4.test',
    'a longer Prefix wins element by element, not letter by letter',
    { '/abc': 'web', '/ab/d': 'api', '/ab': 'shop' },
    { '/abc': 'web', '/ab/d/x': 'api', '/ab/c': 'shop' },
  ),
  p(
    'o5.test',
    'ImplementationSpecific matches by elements',
    { '~/a': 'web' },
    { '/a': 'web', '/a/b': 'web', '/ab': '404' },
  ),
  p('o6.test', 'ImplementationSpecific of / matches every path', { '~/': 'web' }, { '/': 'web', '/x/y': 'web' }),
  p(
    'o7.test',
    'ImplementationSpecific takes its place by length among Prefix paths',
    { '/': 'web', '~/a/b': 'api', '/a': 'shop' },
    { '/a/b/c': 'api', '/a/c': 'shop', '/c': 'web' },
  ),
  p(
    'o8.test',
    'an Exact path wins against ImplementationSpecific',
    { '~/a': 'web', '=/a': 'api' },
    { '/a': 'api', '/a/': 'web' },
  ),
  p('o9.test', 'ImplementationSpecific without a path matches every path', { '~': 'web' }, { '/': 'web', '/x': 'web' }),
  p(
    'o10.test',
    'a hundred paths are told apart',
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`/p${index}`, index % 2 === 0 ? 'web' : 'api'])),
    { '/p7': 'api', '/p70': 'web', '/p99/x': 'api', '/p100': '404' },
  ),
];

const invalid: readonly IngressCase[] = [
  p(
    'i1.test',
    'a path without its slash is reported, the others are served',
    { foo: 'web', '/bar': 'api' },
    { '/foo': '404', '/bar': 'api' },
    { problems: ['Ingress default/i1.test spec.rules[0].http.paths[0].path InvalidPath'] },
  ),
  p(
    'i2.test',
    'a path with a query is reported, the others are served',
    { '/foo?x=1': 'web', '/bar': 'api' },
    { '/foo?x=1': '404', '/bar': 'api' },
    { problems: ['Ingress default/i2.test spec.rules[0].http.paths[0].path InvalidPath'] },
  ),
  p(
    'i3.test',
    'a path with a line break is reported, the others are served',
    { '/foo\nbar': 'web', '/bar': 'api' },
    { '/foo': '404', '/bar': 'api' },
    { problems: ['Ingress default/i3.test spec.rules[0].http.paths[0].path InvalidPath'] },
  ),
  p(
    'i4.test',
    'a path that no request can have is reported, the others are served',
    { '/a//b': 'web', '/a/../c': 'web', '/d/%2e%2e/e': 'web', '/bar': 'api' },
    { '/a/b': '404', '/c': '404', '/e': '404', '/bar': 'api' },
    {
      problems: [
        'Ingress default/i4.test spec.rules[0].http.paths[0].path InvalidPath',
        'Ingress default/i4.test spec.rules[0].http.paths[1].path InvalidPath',
        'Ingress default/i4.test spec.rules[0].http.paths[2].path InvalidPath',
      ],
    },
  ),
];

export const pathCases: readonly IngressCase[] = [...documented, ...elements, ...precedence, ...invalid];
