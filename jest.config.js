const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }]

/** @param {string} name @param {object} more */
const project = (name, more) => ({
  displayName: name,
  testEnvironment: 'node',
  transform: { '\\.ts$': swc },
  ...more,
})

// What is published has to be there first. Jest calls a set-up that several projects name only once.
const built = { globalSetup: '<rootDir>/spec/build-once.js' }

// The code on the pages names the package; it gets the sources.
const sources = {
  '^express-conflict$': '<rootDir>/lib/index.ts',
  '^express-conflict/(metrics|openapi|dashboard|testing)$': '<rootDir>/lib/$1/index.ts',
  '^express-conflict/(.*)$': '<rootDir>/lib/backends/$1/index.ts',
}

// What touches Express runs twice, once on each line of it.
module.exports = {
  // Speed is for bench/: on a machine that has other work to do, nothing here is too slow.
  testTimeout: 60_000,
  reporters: ['default', '<rootDir>/spec/skipped.js'],
  collectCoverageFrom: ['lib/**/*.ts', '!lib/**/index.ts'],
  coverageProvider: 'v8',
  projects: [
    project('pure', {
      testMatch: ['<rootDir>/spec/**/*.spec.ts'],
      testPathIgnorePatterns: [
        '<rootDir>/spec/middleware/',
        '<rootDir>/spec/stories/',
        '<rootDir>/spec/package/',
        '<rootDir>/spec/docs/',
        '<rootDir>/spec/examples/',
        // npm run test:orms, test:nest and test:runtimes
        '<rootDir>/spec/(?:orms|nest|runtimes)/',
        '\\.services\\.spec\\.ts$',
      ],
    }),
    project('express 5', { testMatch: ['<rootDir>/spec/{middleware,stories}/**/*.spec.ts'] }),
    project('express 4', {
      testMatch: ['<rootDir>/spec/{middleware,stories}/**/*.spec.ts'],
      moduleNameMapper: { '^express$': 'express4' },
    }),
    project('docs', { testMatch: ['<rootDir>/spec/docs/**/*.spec.ts'], moduleNameMapper: sources }),
    project('docs, express 4', {
      testMatch: ['<rootDir>/spec/docs/{walkthroughs,async-handlers}.spec.ts'],
      moduleNameMapper: { ...sources, '^express$': 'express4' },
    }),
    // What talks to databases. Each file makes its own tables and keys, so that files may run side by side.
    project('services', { testMatch: ['<rootDir>/spec/**/*.services.spec.ts'] }),
    project('examples', { testMatch: ['<rootDir>/spec/examples/**/*.spec.ts'], ...built }),
    project('package', { testMatch: ['<rootDir>/spec/package/**/*.spec.ts'], ...built }),
  ],
}
