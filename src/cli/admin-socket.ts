/**
 * Where an Envoy's admin interface is unless somebody says otherwise: a socket, since whatever leads an Envoy to its own machine could
 * reach a port. `sluice bootstrap` puts it there, `sluice drain` looks for it there.
 */
export const defaultAdminSocket = '/tmp/sluice-envoy-admin.sock';
