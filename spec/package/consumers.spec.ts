import { describeWithRegistry } from '../services'
import { compile, install, newFolder, output, pack, removeFolder, whileRunning } from './install'
import { RIGHT, story } from './story'

jest.setTimeout(120_000)

const versions = ['4', '5'] as const
describeWithRegistry('an app that installs the package', () => {
  describe.each(versions)('beside Express %s', (express) => {
    const folder = newFolder()
    beforeAll(async () => {
      const { tarball } = await pack(folder)
      await install(folder, tarball, `express@${express}`, `@types/express@${express}`)
    })
    afterAll(() => removeFolder(folder))

    test.each(['app.cjs', 'app.mjs'])('%s runs', async (file) => {
      expect(await whileRunning(folder, file, story)).toEqual(RIGHT)
    })

    test('import sees the same names as require', async () => {
      const { imported, required } = JSON.parse(await output(folder, 'names.mjs'))
      expect(imported).toEqual(expect.arrayContaining(required))
      expect(required).toContain('detectConflicts')
    })

    test('TypeScript compiles it as CommonJS and as a module, with the libraries checked', async () => {
      await compile(folder, { module: 'nodenext', outDir: 'node' }, ['typed.cts', 'typed.mts', 'kit.cts'])
      expect(await whileRunning(folder, 'node/typed.cjs', story)).toEqual(RIGHT)
      expect(await whileRunning(folder, 'node/typed.mjs', story)).toEqual(RIGHT)
    })

    // What follows has to do with TypeScript and Node, and not with the line of Express.
    if (express === '4') return

    test('what keeps its resources in files compiles as both, and runs', async () => {
      await compile(folder, { module: 'nodenext', outDir: 'node' }, ['files-typed.cts', 'files-typed.mts'])
      expect(await whileRunning(folder, 'node/files-typed.cjs', story)).toEqual(RIGHT)
      expect(await whileRunning(folder, 'node/files-typed.mjs', story)).toEqual(RIGHT)
    })

    test('TypeScript resolves every subpath in the classic way of CommonJS', async () => {
      const classic = { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0', noEmit: true }
      // The types of libraries that only some subpaths need are not installed.
      await compile(folder, { ...classic, esModuleInterop: true, skipLibCheck: true }, ['classic.ts'])
    })

    test('TypeScript resolves it as a bundler does', async () => {
      await compile(folder, { module: 'esnext', moduleResolution: 'bundler', noEmit: true }, [
        'typed.mts',
        'client-typed.mts',
      ])
    })

    test.each(['client.cjs', 'client.mjs', 'node/client-typed.cjs', 'node/client-typed.mjs'])(
      '%s goes on where somebody was faster',
      async (file) => {
        if (file.startsWith('node/'))
          await compile(folder, { module: 'nodenext', outDir: 'node' }, ['client-typed.cts', 'client-typed.mts'])
        const counted = await whileRunning(folder, 'app.mjs', (url) => output(folder, file, url))
        expect(JSON.parse(counted)).toEqual({ text: 'mine', theirs: true })
      },
    )

    test('the conformance kit runs under node:test', async () => {
      expect(await output(folder, '--test', 'kit.test.mjs')).toMatch(/^# fail 0$/m)
    })

    test('the conformance kits race processes, whose module is of either kind', async () => {
      await compile(folder, { module: 'nodenext', outDir: 'node' }, ['kit-files.cts', 'kit-files.mts'])
      const report = await output(folder, '--test', 'kit-in-processes.test.mjs')
      expect(report).toMatch(/^# fail 0$/m)
      expect(report).toMatch(/^# pass 12$/m)
    })
  })
})
