/** Where an Envoy gets the resources that others name: the ADS stream it already has. */
export const adsConfigSource = { ads: {}, resource_api_version: 'V3' } as const;
