import { readFileSync } from 'node:fs'
import nodeResolve from '@rollup/plugin-node-resolve'
import { transform } from 'esbuild'
import { dts } from 'rollup-plugin-dts'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))

/** Every entry of `exports` is one file beside its types. What entries share is one chunk, so that it is there once. */
const input = Object.fromEntries(
  Object.keys(exports)
    .filter((subpath) => !/\.(json|mjs)$/.test(subpath))
    .map((subpath) => [subpath.slice(2) || 'index', sourceOf(subpath)]),
)

function sourceOf(subpath) {
  if (subpath === '.') return 'lib/index.ts'
  return ['lib/backends', 'lib'].map((folder) => `${folder}/${subpath.slice(2)}/index.ts`).find((file) => isFile(file))
}

function isFile(path) {
  try {
    return readFileSync(path).length > 0
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

const typescript = {
  name: 'typescript',
  async transform(source, id) {
    if (!id.endsWith('.ts')) return null
    const { code } = await transform(source, { loader: 'ts', target: 'es2022' })
    return { code, map: null }
  },
}

/** What is not of the library comes from the app's node_modules. */
const external = (id) => !/^[./]|^lib\//.test(id)

/** What the conformance kits start as processes of their own. */
const started = { 'processes/racer': 'lib/testing/processes/racer.ts' }

export default [
  {
    input: { ...input, ...started },
    external,
    plugins: [nodeResolve({ extensions: ['.ts'] }), typescript],
    output: {
      dir: 'dist',
      format: 'cjs',
      interop: 'auto',
      entryFileNames: '[name].js',
      chunkFileNames: 'shared/[name].js',
    },
  },
  {
    input,
    external,
    plugins: [dts()],
    output: { dir: 'dist', format: 'es', entryFileNames: '[name].d.ts', chunkFileNames: 'shared/[name].d.ts' },
  },
]
