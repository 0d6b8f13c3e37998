const shared = {
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  setupFiles: ['<rootDir>/test/support/property-seed.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};

/** One project for each thing a test needs beside Node: nothing, a real Envoy, real grpcurl, a real Kubernetes API server. */
export default {
  testTimeout: 60_000,
  projects: [
    {
      ...shared,
      displayName: 'fast',
      testMatch: ['<rootDir>/test/*.test.ts', '<rootDir>/test/!(envoy|grpcurl|kube)/**/*.test.ts'],
    },
    { ...shared, displayName: 'envoy', testMatch: ['<rootDir>/test/envoy/**/*.test.ts'] },
    { ...shared, displayName: 'grpcurl', testMatch: ['<rootDir>/test/grpcurl/**/*.test.ts'] },
    { ...shared, displayName: 'kube', testMatch: ['<rootDir>/test/kube/**/*.test.ts'] },
  ],
};
