const shared = {
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};

/** One project for each thing a test needs beside Node: nothing, a real Envoy, real grpcurl, a real Kubernetes API server. */
export default {
  projects: [
    { ...shared, displayName: 'fast', testMatch: ['<rootDir>/test/*.test.ts', '<rootDir>/test/!(envoy|grpcurl|kube)/**/*.test.ts'] },
    { ...shared, displayName: 'envoy', testTimeout: 30_000, testMatch: ['<rootDir>/test/envoy/**/*.test.ts'] },
    { ...shared, displayName: 'grpcurl', testTimeout: 30_000, testMatch: ['<rootDir>/test/grpcurl/**/*.test.ts'] },
    { ...shared, displayName: 'kube', testTimeout: 120_000, testMatch: ['<rootDir>/test/kube/**/*.test.ts'] },
  ],
};
