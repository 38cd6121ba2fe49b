// npm run test:orms
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/*.spec.ts'],
  testTimeout: 30_000,
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: {
    '^express-conflict$': '<rootDir>/../../lib/index.ts',
    '^express-conflict/(.*)$': '<rootDir>/../../lib/backends/$1/index.ts',
  },
}
