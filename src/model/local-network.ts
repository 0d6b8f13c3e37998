/**
 * Networks that mean another machine, or service, to whoever connects than to whoever wrote the address down: those of the machine itself
 * (where Envoy's admin interface may listen), of the link, of groups, and of the services that hand out credentials of the machine in
 * clouds. API servers refuse all but the last for EndpointSlices (validation of `discovery.k8s.io/v1`); this holds without them.
 */
export const localNetworks: readonly { readonly address: string; readonly bits: number }[] = [
  { address: '0.0.0.0', bits: 8 },
  { address: '127.0.0.0', bits: 8 },
  { address: '169.254.0.0', bits: 16 },
  { address: '224.0.0.0', bits: 3 },
  { address: '100.100.100.200', bits: 32 },
  { address: '168.63.129.16', bits: 32 },
  { address: '192.0.0.192', bits: 32 },
  { address: '::', bits: 127 },
  { address: 'fe80::', bits: 10 },
  { address: 'ff00::', bits: 8 },
  { address: 'fd00:ec2::254', bits: 128 },
];
