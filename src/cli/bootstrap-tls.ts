import { isIP } from 'node:net';
import { posix } from 'node:path';
import { stringify } from 'yaml';
import type { TlsFiles } from '../config.ts';

/** The TLS part of a bootstrap: what an Envoy shows to the control plane, and what it asks of it. */

/** The names of the files beside a bootstrap that follows its certificates, by what they describe. */
export const sdsFiles = { certificate: 'xds-certificate.yaml', authority: 'xds-authority.yaml' } as const;

/** @param folder where Envoy finds the files of `renderSdsFiles`; without it, certificates are read once, at the start. */
export function transportSocket(host: string, tls: TlsFiles, folder: string | undefined): unknown {
  const byName = isIP(host) === 0;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...(byName && { sni: host }),
      common_tls_context: {
        // Envoy asks for no more than 1.2 of a server unless told.
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2'],
        ...(folder === undefined ? fromFiles(host, tls) : fromFolder(host, folder)),
      },
    },
  };
}

function fromFiles(host: string, tls: TlsFiles): object {
  return {
    tls_certificates: [certificate(tls)],
    validation_context: { ...requirements(host), trusted_ca: { filename: tls.caFile } },
  };
}

/** Envoy watches files only for what comes by SDS, be it from a file too. */
function fromFolder(host: string, folder: string): object {
  const source = (name: string, file: string) => ({
    name,
    sds_config: { resource_api_version: 'V3', path_config_source: { path: posix.join(folder, file) } },
  });
  return {
    tls_certificate_sds_secret_configs: [source('certificate', sdsFiles.certificate)],
    combined_validation_context: {
      default_validation_context: requirements(host),
      validation_context_sds_secret_config: source('authority', sdsFiles.authority),
    },
  };
}

function certificate(tls: TlsFiles): object {
  return { certificate_chain: { filename: tls.certFile }, private_key: { filename: tls.keyFile } };
}

/** The control plane must prove the name that it is called by: being signed by the CA is true of every Envoy too. */
function requirements(host: string): object {
  const byName = isIP(host) === 0;
  return { match_typed_subject_alt_names: [{ san_type: byName ? 'DNS' : 'IP_ADDRESS', matcher: { exact: host } }] };
}

/** By file name: each describes a Secret whose files are read again when something is moved into their folder. */
export function renderSdsFiles(tls: TlsFiles): Readonly<Record<string, string>> {
  const watched = { watched_directory: { path: posix.dirname(tls.certFile) } };
  return {
    [sdsFiles.certificate]: sdsFile('certificate', { tls_certificate: { ...certificate(tls), ...watched } }),
    [sdsFiles.authority]: sdsFile('authority', {
      validation_context: {
        trusted_ca: { filename: tls.caFile },
        watched_directory: { path: posix.dirname(tls.caFile) },
      },
    }),
  };
}

function sdsFile(name: string, secret: object): string {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  return `# Made by \`sluice bootstrap\`.\n${stringify({ resources: [{ '@type': type, name, ...secret }] })}`;
}
