/** What people write into annotations, by mistake and on purpose: values that are wrong, extreme, or meant to become configuration. */

const numbers = [
  ...['0', '1', '-1', '-0', '+1', '00', '1.5', '1e9', '0x10', 'NaN', 'Infinity', '1,000', '60', '3600'],
  ...['99', '100', '101', '200', '299', '300', '308', '309', '399', '400', '404', '499', '503', '599', '600', '999'],
  ...['65535', '65536', '2147483647', '2147483648', '4294967295', '4294967296', '315576000000', '9007199254740993'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775809', '9'.repeat(40)],
];

const sizes = [
  '1k',
  '8k',
  '1m',
  '1g',
  '0m',
  '-1k',
  '1kb',
  '1K',
  '999999999999g',
  '1.5m',
  'm',
  '10s',
  '1m30s',
  '5m',
  '1h',
  '1y',
];

const words = [
  ...['true', 'false', 'TRUE', 't', 'yes', 'on', 'off', 'null', 'none', 'any', 'all', 'always', 'never', 'default'],
  ...['cookie', 'balanced', 'persistent', 'sticky', 'legacy', 'None', 'Lax', 'Strict', 'basic', 'digest', 'auth-map'],
  ...['optional', 'optional_no_ca', 'round_robin', 'ewma', 'chash', '1.0', '1.1', '2', 'keep-alive', 'close'],
  ...['HTTP', 'https', 'GRPC', 'GRPCS', 'FCGI', 'AUTO_HTTP', 'GET', 'get', 'POST', 'GET, POST,,', 'G ET', '*'],
  ...['error timeout', 'error timeout http_503 non_idempotent', 'http_999', 'off error', 'invalid_header'],
  ...['404,503', '404,abc', '404 503', '503,503', ',', ',,', 'a,b,,c', 'X-A, X-B', 'x a', 'x:y', 'host', ':path', 'x-'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty'],
];

const paths = [
  ...['/', '//', '/x', 'x', '/x/', '/./../x', '/%', '/%zz', '/%00', '/%2f', '/x y', '/ü', '/\u{1F600}', '/a?b=c#d'],
  ...['/$1', '/$2/$1', '/$9', '/$0', '/$10', '/$', '/\\1', '/\\', '/\\0', '/{x}', '/$request_uri', '/x;y', '/"', "/'"],
];

const expressions = [
  ...['(', ')', '[', ']', '(?=x)', '(?<!x)', '(?<x>y)', '(?P<x>y)', '(?P<x>', '(a+)+$', 'a{1000}', 'a{1001}', 'a{5,2}'],
  ...[
    '(a{100}){100}',
    '((a{100}){100}){100}',
    '\\1',
    '\\p{Greek}',
    '\\pZZ',
    '\\C',
    '\\Q(',
    '[z-a]',
    '[[:alpha:]]',
    '[[:x:]]',
  ],
  ...[
    '^',
    '$',
    '|',
    '||',
    '()',
    '(|)',
    '*',
    '+',
    '?',
    '**',
    'x**',
    '\\',
    '\\u0041',
    '\\x{110000}',
    '(?i)x',
    '(?#c)',
    '(?x) x',
  ],
  ...[
    '/.*',
    '/(.*)',
    '/x(/|$)(.*)',
    '^/x$',
    '/[a-z]{3}',
    '~',
    '~^',
    '~^.*$',
    '~*x',
    '~(',
    '.*'.repeat(300),
    '(x|y)'.repeat(200),
  ],
];

const urls = [
  ...[
    'http://',
    'https://',
    'http://a',
    'https://a.test/x?y=z#w',
    'http://[::1',
    'http://[::1]/',
    'http://a:0',
    'http://a:99999',
  ],
  ...[
    'http://a b/',
    'http://u:p@a/',
    'ftp://a',
    '//a',
    'javascript:alert(1)',
    'http://a/%0d%0ax-injected:%201',
    'http://a/%',
  ],
  ...[
    'http://127.0.0.1/',
    'http://169.254.169.254/latest',
    'http://web.default.svc.cluster.local/auth',
    'http://web.default',
  ],
  ...[
    'https://$host/x',
    'https://$best_http_host$request_uri',
    'http://a/?rd=$escaped_request_uri',
    'http://*/',
    'http://A_b/',
  ],
  ...[
    `http://a/${'x'.repeat(5_000)}`,
    `http://${'a'.repeat(300)}.test/`,
    'http://%41/',
    'http://a\\@b/',
    'http://ü.test/',
  ],
];

const addresses = [
  ...[
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/8',
    '10.0.0.0/8,',
    ',10.0.0.1',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/08',
    '1.2.3',
    '::ffff:1.2.3.4/96',
  ],
  ...[
    'fe80::1%eth0',
    '1.1.1.1/0x8',
    '::1/129',
    'a.test',
    '0.0.0.0/0 1.1.1.1',
    Array.from({ length: 2_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`).join(','),
  ],
];

const names = [
  'secret',
  'default/secret',
  'other/secret',
  'kube-system/token',
  'headers',
  'default/headers',
  'other/headers',
  '../x',
  'a/b/c',
  '/',
  'A',
  'web',
  'default/web',
  'missing',
];

/** What Envoy takes for commands in headers and logs. */
const commands = [
  ...[
    '%',
    '%%',
    '%REQ(authorization)%',
    '%REQ(',
    '%REQ()%',
    '%REQ(:path)%x',
    '%ENVIRONMENT(HOME)%',
    '%START_TIME(%s)%',
    '%NOSUCH%',
  ],
  ...[
    '%DYNAMIC_METADATA(a:b)%',
    '%FILTER_STATE(x)%',
    '%CEL(request.path)%',
    '%PROTOCOL',
    '100%',
    '%REQ(x-a?x-b):5%',
    '{{x}}',
    '%2525%',
  ],
];

const punctuation = [
  '"',
  "'",
  '`',
  '\\',
  ';',
  '{',
  '}',
  '{};',
  '"}',
  '$',
  '${x}',
  '$host',
  '#',
  '//',
  '<script>',
  '|',
  '&&',
  '=',
  'a=b',
  'a;b',
  'a b',
  '__Host-x',
  '-',
  '.',
  '..',
  '*.',
  '*.a.test',
  'a.test',
  '*',
];

const controls = [
  'a\r\nx-injected: 1',
  'a\nb',
  'a\rb',
  '\u0000',
  'a\u0000b',
  '\t',
  'a\tb',
  '\u007f',
  '\u0085',
  '\u2028',
  '\ud800',
  '\ufeffx',
  '\u200b',
  ' x ',
  'é',
];

const long = [
  'x'.repeat(5_000),
  'x,'.repeat(5_000),
  `/${'x'.repeat(20_000)}`,
  '%'.repeat(3_000),
  '('.repeat(2_000),
  '\\'.repeat(999),
  '1'.repeat(500),
];

/** In the shape of the published exploits of ingress-nginx: what they wrote to become a directive of nginx. */
const exploits = [
  // CVE-2021-25742, CVE-2023-5043: snippets
  'content_by_lua_block { ngx.say(io.open("/run/secrets/kubernetes.io/serviceaccount/token"):read("*a")) }',
  'location /x { alias /; autoindex on; }',
  'proxy_pass http://169.254.169.254/;\nauth_basic off;',
  // CVE-2021-25745, CVE-2021-25748: values that go on as another location
  '/x {\n alias /var/run/secrets/kubernetes.io/serviceaccount/;\n}\nlocation /y',
  '/x{alias /etc/;}#',
  // CVE-2023-5044: redirects
  'https://a.test;}location ~* "^/x(/|$)(.*)" {content_by_lua \'ngx.say(1)\';}location ~* "^/y(/|$)(.*)" {',
  // CVE-2024-7646: a carriage return that a check of lines passed over
  'https://a.test/\r;}ssl_engine x;',
  // CVE-2025-24514, CVE-2025-1097, CVE-2025-1098, CVE-2025-1974
  'http://a.test/#;}}\nssl_engine ../../../proc/1/fd/5;\n#',
  'http://a.test/#;load_module test;\n',
  'CN=a #(\n){}\n }}\nssl_engine x;\n#',
  'CN=(?=x).*',
  'https://a.test/$request_uri;\n}\n}\nload_module x;\n#',
  // CVE-2026-1580 and its like: methods and paths
  'POST;\n}\nlocation /x { return 200; }\n#',
  '"; return 200 "x',
];

export const hostileValues: readonly string[] = [
  ...['', ' '],
  ...[
    numbers,
    sizes,
    words,
    paths,
    expressions,
    urls,
    addresses,
    names,
    commands,
    punctuation,
    controls,
    long,
    exploits,
  ].flat(),
];

/** Paths of Ingresses, good and bad. */
export const hostilePaths: readonly string[] = [
  ...paths,
  ...expressions.filter((each) => each.length < 200),
  ...exploits,
];
