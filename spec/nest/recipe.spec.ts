import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { whileRunning } from '../package/install'
import { ROOT } from '../sources'
import { appFile, folderOf, isModule, recipe, VERSIONS } from './recipe'

const json = { 'Content-Type': 'application/json' }

function clientOf(url: string) {
  return (method: string, headers: Record<string, string> = {}, body?: object, path = '/articles/1') =>
    fetch(url + path, { method, headers: { ...json, ...headers }, ...(body && { body: JSON.stringify(body) }) })
}

/** A guard of the app's own, in front of the chain, and a handler that fails. */
const withAuthentication = (code: string) =>
  code
    .replace('@UseGuards(conflictGuard(article)) // @UseGuards(AuthGuard, ', '@UseGuards(AuthGuard, ')
    .replace(
      /^@Controller/m,
      "const AuthGuard = { canActivate: (context) => context.switchToHttp().getRequest().headers['x-user'] === 'ann' }\n@Controller",
    )
    .replace(
      /^ {2}@Delete\(\)/m,
      "  @Get('broken')\n  broken() {\n    throw new Error('a secret of the app')\n  }\n\n  @Delete()",
    )

describe.each(VERSIONS)('the recipe of docs/nestjs.md on %s', (version) => {
  const folder = folderOf(version)

  test('a stale change, a blind one and a lost race are refused with problems, and the first one is stored', async () => {
    await whileRunning(folder, appFile(version, 'recipe'), async (url) => {
      const ask = clientOf(url)
      expect((await ask('GET')).status).toBe(404)
      const made = await ask('PUT', { 'If-None-Match': '*' }, { title: 'one' })
      expect([made.status, await made.json()]).toEqual([201, { title: 'one' }])
      const read = await ask('GET')
      const tag = read.headers.get('ETag') ?? ''
      expect(tag).toBe(made.headers.get('ETag'))
      const answers = await Promise.all(
        ['two', 'three', 'four'].map((title) => ask('PUT', { 'If-Match': tag }, { title })),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
      const refused = answers.find(({ status }) => status === 412)
      expect(refused?.headers.get('Content-Type')).toMatch(/^application\/problem\+json/)
      expect(await refused?.json()).toMatchObject({ code: 'precondition_failed', resolution: 'refetch' })
      const blind = await ask('PATCH', {}, { title: 'five' })
      expect([blind.status, ((await blind.json()) as { code: string }).code]).toEqual([428, 'precondition_required'])
      const last = await ask('PATCH', { 'If-Match': '*' }, { title: 'six' })
      expect([last.status, await last.json()]).toEqual([200, { title: 'six' }])
      expect((await ask('DELETE', { 'If-Match': tag })).status).toBe(412)
      expect((await ask('DELETE', { 'If-Match': last.headers.get('ETag') ?? '' })).status).toBe(204)
    })
  })

  test('304 is answered by the chain, and the app goes on', async () => {
    await whileRunning(folder, appFile(version, 'recipe'), async (url) => {
      const ask = clientOf(url)
      const made = await ask('PUT', { 'If-None-Match': '*' }, { title: 'one' })
      const known = { 'If-None-Match': made.headers.get('ETag') ?? '' }
      expect((await ask('GET', known)).status).toBe(304)
      expect((await ask('HEAD', known)).status).toBe(304)
      expect((await ask('GET')).status).toBe(200)
    })
  })

  test("the app's guards come first, and errors that are not ours stay Nest's", async () => {
    await whileRunning(folder, appFile(version, 'guarded', withAuthentication), async (url) => {
      const ask = clientOf(url)
      const stranger = await ask('GET')
      expect([stranger.status, await stranger.json()]).toMatchObject([403, { statusCode: 403 }])
      expect((await ask('GET', { 'X-User': 'ann' })).status).toBe(404)
      expect((await ask('PUT', { 'X-User': 'ann', 'If-None-Match': '*' }, { title: 'one' })).status).toBe(201)
      const broken = await ask('GET', { 'X-User': 'ann' }, undefined, '/articles/1/broken')
      expect(broken.status).toBe(500)
      expect(await broken.text()).not.toContain('secret')
      expect((await ask('GET', { 'X-User': 'ann' }, undefined, '/nowhere')).status).toBe(404)
    })
  })

  test('a refusal that is the cause of an HttpException is answered as the refusal', async () => {
    const wrapping = (code: string) =>
      code
        .replace('import { Body, Controller', 'import { BadRequestException, Body, Controller')
        .replace(
          'return (await found.commit()).representation',
          "return found.commit().catch((cause) => { throw new BadRequestException('wrapped', { cause }) })",
        )
    await whileRunning(folder, appFile(version, 'wrapping', wrapping), async (url) => {
      const ask = clientOf(url)
      await ask('PUT', { 'If-None-Match': '*' }, { title: 'one' })
      const tag = (await ask('GET')).headers.get('ETag') ?? ''
      const answers = await Promise.all(['a', 'b', 'c'].map((title) => ask('PATCH', { 'If-Match': tag }, { title })))
      const lost = answers.filter(({ status }) => status === 412)
      expect(lost).toHaveLength(2)
      expect(await lost[0]?.json()).toMatchObject({ code: 'precondition_failed' })
    })
  })

  test('it compiles under strict', async () => {
    const file = isModule(version) ? 'recipe.mts' : 'recipe.cts'
    writeFileSync(join(folder, file), recipe)
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      experimentalDecorators: true,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (error: { stdout: string }) => error,
    )
    expect(stdout).toBe('')
  })
})
