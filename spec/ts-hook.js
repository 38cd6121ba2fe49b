// For processes that specs and proofs start: node -r <this> <file>.ts
const { createHash } = require('node:crypto')
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { version } = require('@swc/core/package.json')

const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }

// Many processes start in a run of the specs, and all load the same files: each is transformed once.
const folder = join(__dirname, '../node_modules/.cache/express-conflict-specs', version)
mkdirSync(folder, { recursive: true })

require.extensions['.ts'] = (module, filename) => module._compile(codeOf(filename), filename)

function codeOf(filename) {
  const source = readFileSync(filename)
  const kept = join(folder, `${createHash('sha256').update(source).digest('hex')}.js`)
  try {
    return readFileSync(kept, 'utf8')
  } catch {
    const { code } = require('@swc/core').transformSync(source.toString(), options)
    // Renamed into place: another process may look for it at this moment.
    writeFileSync(`${kept}.${process.pid}`, code)
    renameSync(`${kept}.${process.pid}`, kept)
    return code
  }
}
