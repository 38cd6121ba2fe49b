// For processes that specs and proofs start: node -r <this> <file>.ts
const { transformFileSync } = require('@swc/core')

const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }

require.extensions['.ts'] = (module, filename) => module._compile(transformFileSync(filename, options).code, filename)
