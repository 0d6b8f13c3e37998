/**
 * The flags of ingress-nginx's command line, and what each is here: the same flag, one of another name, nothing that is missed,
 * or something that Sluice does not do. `sluice serve` takes them by this list, and `sluice migrate` reports by it.
 */

export interface ControllerFlag {
  readonly name: string;
  /** Whether it may stand without a value, which then is true. */
  readonly isSwitch: boolean;
  readonly meaning: FlagMeaning;
}

export type FlagMeaning =
  /** `as` is our name of it, where it differs. */
  | { readonly kind: 'same'; readonly as?: string }
  | { readonly kind: 'needless'; readonly why: string }
  /** `isMet` matches the values that ask for what Sluice does anyway; `fix` names what to use instead. */
  | { readonly kind: 'refused'; readonly why: string; readonly fix: string; readonly isMet?: RegExp };

const off = /^false$/i;

function same(...names: readonly string[]): readonly ControllerFlag[] {
  return names.map((name) => ({ name, isSwitch: false, meaning: { kind: 'same' } }));
}

function sameSwitches(...names: readonly string[]): readonly ControllerFlag[] {
  return names.map((name) => ({ name, isSwitch: true, meaning: { kind: 'same' } }));
}

function needless(why: string, ...names: readonly string[]): readonly ControllerFlag[] {
  return names.map((name) => ({ name, isSwitch: true, meaning: { kind: 'needless', why } }));
}

function refused(name: string, why: string, fix: string, isMet?: RegExp): ControllerFlag {
  return { name, isSwitch: true, meaning: { kind: 'refused', why, fix, ...(isMet && { isMet }) } };
}

export const controllerFlags: readonly ControllerFlag[] = [
  ...same(
    'annotations-prefix',
    'configmap',
    'default-backend-service',
    'default-ssl-certificate',
    'election-id',
    'election-ttl',
    'http-port',
    'https-port',
    'ingress-class',
    'kubeconfig',
    'publish-service',
    'publish-status-address',
    'status-update-interval',
    'watch-namespace',
  ),
  ...sameSwitches(
    'disable-leader-election',
    'enable-ssl-passthrough',
    'ingress-class-by-name',
    'report-node-internal-ip-address',
    'update-status',
    'watch-ingress-without-class',
  ),
  { name: 'controller-class', isSwitch: false, meaning: { kind: 'same', as: 'controller-name' } },
  { name: 'disable-svc-external-name', isSwitch: true, meaning: { kind: 'same', as: 'allow-external-names' } },
  { name: 'v', isSwitch: false, meaning: { kind: 'same', as: 'log-level' } },
  ...needless(
    'Sluice logs to standard error, and --log-level says how much',
    'add_dir_header',
    'alsologtostderr',
    'internal-logger-address',
    'log_backtrace_at',
    'log_dir',
    'log_file',
    'log_file_max_size',
    'logtostderr',
    'one_output',
    'skip_headers',
    'skip_log_headers',
    'stderrthreshold',
    'vmodule',
  ),
  ...needless(
    'it is about processes, ports and queues inside of ingress-nginx',
    'default-server-port',
    'dynamic-configuration-retries',
    'enable-dynamic-certificates',
    'enable-dynamic-configuration',
    'monitor-max-batch-size',
    'profiler-address',
    'profiler-port',
    'profiling',
    'sort-backends',
    'ssl-passthrough-proxy-port',
    'status-port',
    'stream-port',
    'sync-period',
    'sync-rate-limit',
  ),
  ...needless(
    'metrics are always there, at the admin address of Sluice and of Envoy, under other names',
    'bucket-factor',
    'enable-metrics',
    'exclude-socket-metrics',
    'length-buckets',
    'max-buckets',
    'metrics-per-host',
    'metrics-per-undefined-host',
    'report-status-classes',
    'size-buckets',
    'time-buckets',
  ),
  ...needless(
    'values are always checked, and what is wrong with one is a problem of its Ingress',
    'deep-inspect',
    'disable-full-test',
    'enable-annotation-validation',
  ),
  ...needless('Sluice writes Events about problems only; --publish-events says whether', 'disable-sync-events'),
  ...needless(
    'the endpoints near an Envoy are used where their Service asks for that',
    'enable-topology-aware-routing',
  ),
  ...needless(
    'Envoys are drained by `sluice drain`, beside each of them',
    'post-shutdown-grace-period',
    'shutdown-grace-period',
  ),
  ...needless('the status stays when Sluice stops: Envoys go on serving', 'update-status-on-shutdown'),
  ...needless(
    'nothing here looks up where clients are',
    'maxmind-edition-ids',
    'maxmind-license-key',
    'maxmind-mirror',
    'maxmind-retries-count',
    'maxmind-retries-timeout',
  ),
  refused('apiserver-host', 'how to reach the API server stands in a kubeconfig', 'use --kubeconfig'),
  refused('certificate-authority', 'how to reach the API server stands in a kubeconfig', 'use --kubeconfig'),
  refused('bind-addresses', 'Envoys bind one address', 'use --listen-address'),
  refused(
    'disable-catch-all',
    'Ingresses without a host are served',
    'keep them from being written, or limit --watch-namespace',
    off,
  ),
  refused(
    'enable-ssl-chain-completion',
    'certificates are sent as they stand in their Secrets',
    'put the whole chain into the Secret',
    off,
  ),
  refused(
    'force-namespace-isolation',
    'objects of other namespaces are used only where the ConfigMap allows it',
    'leave it out',
    /^true$/i,
  ),
  refused('health-check-path', 'health is told at /healthz of --admin-address', 'probe that', /^\/healthz$/),
  refused('healthz-port', 'health is told at --admin-address', 'use --admin-address 0.0.0.0:10254, and probe that'),
  refused('tcp-services-configmap', 'nothing but HTTP is served', 'use a Service of type LoadBalancer', /^$/),
  refused('udp-services-configmap', 'nothing but HTTP is served', 'use a Service of type LoadBalancer', /^$/),
  ...needless(
    'there is no admission webhook: what is wrong is a problem of its Ingress, and an Event; remove the ValidatingWebhookConfiguration',
    'validating-webhook',
    'validating-webhook-certificate',
    'validating-webhook-key',
  ),
  refused(
    'watch-namespace-selector',
    'namespaces are not chosen by labels',
    'name them, by one --watch-namespace each',
    /^$/,
  ),
];

const byName: ReadonlyMap<string, ControllerFlag> = new Map(controllerFlags.map((flag) => [flag.name, flag]));

export function controllerFlagNamed(name: string): ControllerFlag | undefined {
  return byName.get(name);
}
