import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type FileAdapterOptions, fileAdapter, uploadAdapter } from '../../../lib/backends/file'
import { jsonResources, uploadResources } from '../../../lib/backends/file/adapter'
import * as owner from '../../../lib/backends/file/adapter/folder'
import { type FileSystem, nodeFiles } from '../../../lib/backends/file/system'
import { isStoreFault } from '../../../lib/contracts/store-fault'

const root = mkdtempSync(join(tmpdir(), 'file-adapter-'))
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => jest.restoreAllMocks())
let count = 0
const newFolder = () => join(root, `folder ${++count}`)

async function created<T>(adapter: ReturnType<typeof fileAdapter<T>>, key: string, value: T) {
  const result = await adapter.write(key, value, null)
  if (!result.ok) throw new Error(`${key} is taken`)
  return result.state
}

const digestOf = (text: string) => `sha-256=:${createHash('sha256').update(text).digest('base64')}:`

/** Files below a folder, without what is empty. */
function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  return names.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
}

describe('the folder', () => {
  test('has a folder for each key, with a head and the versions that are kept', async () => {
    const folder = newFolder()
    const adapter = fileAdapter<number>({ folder, keepVersions: 2 })
    let { version } = await created(adapter, 'a', 0)
    for (let n = 1; n < 5; n++) {
      const result = await adapter.write('a', n, version)
      version = result.ok ? result.state.version : ''
    }
    expect(filesIn(folder).map((name) => name.replace(/-[0-9a-f]{16}/, ''))).toEqual(
      expect.arrayContaining(['a/3.json', 'a/4.json', 'a/5.json', 'a/5.head']),
    )
    expect(filesIn(folder)).toHaveLength(4)
  })

  test('keeps nothing but an empty file of what was removed, and goes on counting', async () => {
    const folder = newFolder()
    const adapter = fileAdapter<number>({ folder })
    const { version } = await created(adapter, 'a', 0)
    await adapter.remove('a', version)
    expect(filesIn(folder).map((name) => name.replace(/-[0-9a-f]{16}/, ''))).toEqual(['a/2.none'])
    expect((await created(adapter, 'a', 0)).version).toMatch(/^3-/)
  })

  test.each([
    ['a', 'a'],
    ['photo-1_b.2.jpg', 'photo-1_b.2.jpg'],
    ['A', '+0041'],
    ['../../etc/passwd', '+002e.+002f..+002fetc+002fpasswd'],
    ['.', '+002e'],
    ['..', '+002e+002e'],
    ['.spool', '+002espool'],
    ['a.', 'a+002e'],
    ['a\0b', 'a+0000b'],
    ['a:b', 'a+003ab'],
    ['con', '+0063on'],
    ['nul.txt', '+006eul.txt'],
    ['\ud800', '+d800'],
    ['e\u0301', 'e+0301'],
    ['\u00e9', '+00e9'],
    ['a+b', 'a+002bb'],
    ['é'.repeat(512), /^~[0-9a-f]{64}$/],
    ['x'.repeat(96), 'x'.repeat(96)],
    ['x'.repeat(97), /^~[0-9a-f]{64}$/],
    ['~', '+007e'],
  ])('%.20j is kept in %s', async (key, name) => {
    const folder = newFolder()
    const adapter = fileAdapter<string>({ folder })
    await created(adapter, key, 'it')
    const [seen] = readdirSync(folder).filter((each) => each !== '.spool')
    if (typeof name === 'string') expect(seen).toBe(name)
    else expect(seen).toMatch(name)
    expect(await fileAdapter<string>({ folder }).read(key)).toMatchObject({ value: 'it' })
    expect(readdirSync(folder)).toHaveLength(2)
  })

  test('is refused as a symbolic link, and where others can write', () => {
    const folder = newFolder()
    symlinkSync(tmpdir(), folder)
    expect(() => fileAdapter({ folder })).toThrow(
      `fileAdapter(): ${folder} is not a folder that this user alone can write to.`,
    )
    const open = newFolder()
    mkdirSync(open)
    chmodSync(open, 0o777)
    expect(() => fileAdapter({ folder: open })).toThrow(`${open} is not a folder that this user alone can write to.`)
  })

  test('a link in it leads nowhere', async () => {
    const folder = newFolder()
    const adapter = fileAdapter<string>({ folder })
    await created(adapter, 'real', 'secret')
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    await expect(adapter.read('link')).rejects.toThrow('is no folder')
    const record = filesIn(folder).find((name) => /^real\/1-.*json$/.test(name)) ?? ''
    rmSync(join(folder, record))
    symlinkSync('/etc/hostname', join(folder, record))
    await expect(adapter.read('real')).rejects.toThrow('ELOOP')
  })

  test('that is not there any more is a fault, and nothing is created over it', async () => {
    const folder = newFolder()
    const adapter = fileAdapter<string>({ folder })
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    const calls = [() => adapter.read('a'), () => adapter.write('a', 'it', null), () => adapter.readVersion('a', '1')]
    for (const call of calls) {
      const error = await call().catch((reason: unknown) => reason)
      expect(isStoreFault(error) && error.applied).toBe('no')
    }
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a change behind our back', () => {
  async function stored() {
    const folder = newFolder()
    const adapter = fileAdapter<unknown>({ folder })
    const state = await created(adapter, 'a', { n: 1 })
    const record = join(folder, filesIn(folder).find((name) => name.endsWith('.json')) ?? '')
    return { adapter, state, record }
  }

  test('is the new value, under a new version, and the old one is refused', async () => {
    const { adapter, state, record } = await stored()
    writeFileSync(record, '{ "n": 2 }')
    const seen = await adapter.read('a')
    expect(seen?.value).toEqual({ n: 2 })
    expect(seen?.version).not.toBe(state.version)
    expect(await adapter.write('a', { n: 3 }, state.version)).toEqual({ ok: false, current: seen })
    expect(await adapter.remove('a', state.version)).toEqual({ ok: false, current: seen })
    expect(await adapter.write('a', { n: 3 }, seen?.version ?? '')).toMatchObject({ ok: true })
  })

  test('with a number that JavaScript would change is told, and stays', async () => {
    const { adapter, record } = await stored()
    writeFileSync(record, '{ "tweetId": 1790000000000000123 }')
    await expect(adapter.read('a')).rejects.toThrow(
      /^fileAdapter\(\): the stored JSON has the number 1790000000000000123,/,
    )
    expect(readFileSync(record, 'utf8')).toBe('{ "tweetId": 1790000000000000123 }')
  })

  test('that is undone has a version of its own', async () => {
    const { adapter, state, record } = await stored()
    const before = readFileSync(record)
    writeFileSync(record, '{ "n": 2 }')
    utimesSync(record, 1, 1)
    writeFileSync(record, before)
    const seen = await adapter.read('a')
    expect(seen?.value).toEqual(state.value)
    expect(seen?.version).not.toBe(state.version)
    expect(await adapter.readVersion('a', state.version)).toBeUndefined()
  })

  test('that is half done is a fault, for a read and for a write', async () => {
    const { adapter, state, record } = await stored()
    writeFileSync(record, '{ "n": ')
    for (const call of [() => adapter.read('a'), () => adapter.write('a', 1, state.version)]) {
      const error = await call().catch((reason: unknown) => reason)
      expect(isStoreFault(error) && error.applied).toBe('no')
      expect(String(error)).toContain('a record is not JSON')
    }
  })

  test('that comes while a write is under way is not overwritten', async () => {
    const folder = newFolder()
    let edit = () => {}
    const files: FileSystem = {
      ...nodeFiles,
      // The record that is to follow is on the disk by now.
      open: (async (path: string, ...rest: []) => {
        const handle = await nodeFiles.open(path, ...rest)
        if (path.includes('.spool')) edit()
        return handle
      }) as FileSystem['open'],
    }
    const adapter = jsonResources<unknown>({ folder }, files)
    const state = await created(adapter, 'a', { n: 1 })
    const record = join(folder, filesIn(folder).find((name) => name.endsWith('.json')) ?? '')
    edit = () => writeFileSync(record, '{ "n": 2 }')
    expect(await adapter.write('a', { n: 3 }, state.version)).toMatchObject({ ok: false, current: { value: { n: 2 } } })
    expect(filesIn(folder)).toHaveLength(2)
  })

  test('of an upload: size, digest and version are those of the bytes that are there', async () => {
    const folder = newFolder()
    const adapter = uploadAdapter({ folder })
    const spool = await adapter.spool()
    await spool.write(Buffer.from('one'))
    const result = await adapter.write('a', await spool.finish('text/plain'), null)
    await spool.discard()
    const before = await adapter.read('a')
    expect(result).toEqual({ ok: true, state: before })
    appendFileSync(before?.value.path ?? '', ' more')
    const seen = await adapter.read('a')
    expect(seen?.value).toEqual({
      size: 8,
      type: 'text/plain',
      digest: digestOf('one more'),
    })
    expect(seen?.version).not.toBe(before?.version)
    expect(await adapter.remove('a', before?.version ?? '')).toMatchObject({ ok: false })
  })
})

/** From now on every other process, and this one, is one that has ended. */
function endProcesses(): void {
  jest.spyOn(process, 'kill').mockImplementation(() => {
    throw coded('ESRCH')
  })
}

/** Fails once, or from the given call on hangs as in a process that was killed. */
function failing(fails: (call: number, name: string, path: string) => NodeJS.ErrnoException | 'hang' | undefined) {
  const calls: string[] = []
  let underWay = 0
  let isStuck: (answer: 'hangs') => void = () => undefined
  /** Once a call hangs, and none is under way that could be followed by another. */
  const stuck = new Promise<'hangs'>((resolve) => (isStuck = resolve))
  const settle = () => setImmediate(() => underWay === 0 && isStuck('hangs'))
  let hangs = false
  const names = Object.keys(nodeFiles) as (keyof FileSystem)[]
  const wrap =
    (name: keyof FileSystem) =>
    async (path: string, ...rest: unknown[]) => {
      calls.push(name)
      const fault = fails(calls.length, name, String(rest[0] ?? path))
      if (fault === 'hang') {
        hangs = true
        settle()
        return new Promise(() => {})
      }
      if (fault) throw fault
      const call = nodeFiles[name] as (...args: unknown[]) => Promise<unknown>
      underWay += 1
      return call(path, ...rest).finally(() => {
        underWay -= 1
        if (hangs) settle()
      })
    }
  return { calls, stuck, files: Object.fromEntries(names.map((name) => [name, wrap(name)])) as unknown as FileSystem }
}

const coded = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: it failed`), { code })

describe('faults', () => {
  /** What a change comes to when one of its calls fails, for each of them. */
  async function eachCall(change: 'create' | 'replace' | 'remove', code: string) {
    const outcomes: { failed: string; applied: string | undefined; stored: unknown; left: string[] }[] = []
    for (let at = 1; ; at++) {
      const folder = newFolder()
      const plain = fileAdapter<string>({ folder })
      const before = change === 'create' ? undefined : await created(plain, 'a', 'old')
      const { files, calls } = failing((call) => (call === at ? coded(code) : undefined))
      const adapter = jsonResources<string>({ folder }, files)
      const call =
        before && change === 'remove'
          ? adapter.remove('a', before.version)
          : adapter.write('a', 'new', before?.version ?? null)
      const error = await call.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (calls.length < at) return outcomes
      if (error !== undefined) expect(isStoreFault(error)).toBe(true)
      endProcesses()
      const stored = (await fileAdapter<string>({ folder }).read('a'))?.value
      jest.restoreAllMocks()
      const applied = isStoreFault(error) ? error.applied : undefined
      outcomes.push({ failed: calls[at - 1] ?? '', applied, stored, left: filesIn(folder) })
    }
  }

  test.each(
    (['create', 'replace', 'remove'] as const).flatMap((change) =>
      ['EBUSY', 'EACCES', 'ENOSPC', 'ENAMETOOLONG', 'EIO'].map((code) => [change, code] as const),
    ),
  )('%s: %s at any call leaves the old or the new state, and says which', async (change, code) => {
    const [was, is] = { create: [undefined, 'new'], replace: ['old', 'new'], remove: ['old', undefined] }[change]
    const outcomes = await eachCall(change, code)
    expect(outcomes.length).toBeGreaterThan(7)
    for (const outcome of outcomes) {
      const { failed, applied, stored, left } = outcome
      if (applied === undefined) expect(outcome).toMatchObject({ stored: is })
      if (applied === 'no') expect(outcome).toMatchObject({ stored: was })
      if (applied === 'unknown') expect([was, is]).toContain(stored)
      // Only what is not to be known is said to be unknown: a rename that broke off, and a folder that is not on the disk.
      if (applied === 'unknown') expect(['open', ...(code === 'EIO' ? ['rename'] : [])]).toContain(failed)
      const most = stored === undefined ? 1 : change === 'create' ? 2 : 3
      expect(left.filter((name) => !name.startsWith('.spool')).length).toBeLessThanOrEqual(most)
      expect(left.filter((name) => name.startsWith('.spool'))).toEqual([])
    }
    expect(outcomes.some(({ applied }) => applied === 'no')).toBe(true)
  })

  test('of a value: it is a mistake, and leaves nothing', async () => {
    const folder = newFolder()
    await expect(fileAdapter<unknown>({ folder }).write('a', { n: Number.NaN }, null)).rejects.toThrow(TypeError)
    await expect(uploadAdapter({ folder }).write('a', { size: 1 } as never, null)).rejects.toThrow(
      'uploadAdapter(): the value is no stored file; write what receiveFile() or spool() gave.',
    )
    expect(filesIn(folder)).toEqual([])
  })

  test('name no paths', async () => {
    const { files } = failing((_, name) => (name === 'rename' ? coded('EACCES') : undefined))
    const error = await jsonResources<number>({ folder: newFolder() }, files)
      .write('a', 1, null)
      .catch((reason: Error) => reason)
    expect(error).toMatchObject({ message: 'the back end failed: the file system: EACCES' })
  })
})

describe('a process that is killed', () => {
  /** A change that stands still at each of its calls in turn, as if its process had ended there. */
  async function eachEnd(change: 'create' | 'replace' | 'remove') {
    const seen: { stored: unknown; left: string[] }[] = []
    for (let at = 1; ; at++) {
      const folder = newFolder()
      const receive = async (adapter: ReturnType<typeof uploadAdapter>, text: string) => {
        const spool = await adapter.spool()
        await spool.write(Buffer.from(text))
        return spool.finish('text/plain')
      }
      const plain = uploadAdapter({ folder })
      const made = change === 'create' ? undefined : await writeText(plain, 'old', null)
      const version = made ?? null
      const { files, stuck } = failing((call) => (call >= at ? 'hang' : undefined))
      const adapter = uploadResources({ folder }, files)
      const value = await receive(plain, 'new')
      const done = change === 'remove' ? adapter.remove('a', version ?? '') : adapter.write('a', value, version)
      const ended = await Promise.race([done.then(() => 'done'), stuck])
      endProcesses()
      const next = uploadAdapter({ folder })
      jest.restoreAllMocks()
      seen.push({ stored: await textOf(next), left: filesIn(folder) })
      // And the next change can go on.
      const current = await next.read('a')
      await writeText(next, 'next', current?.version ?? null)
      expect(await textOf(next)).toBe('next')
      expect(filesIn(folder).filter((name) => name.startsWith('.spool'))).toEqual([])
      if (ended === 'done') return seen
    }
  }

  async function writeText(adapter: ReturnType<typeof uploadAdapter>, text: string, expected: string | null) {
    const spool = await adapter.spool()
    await spool.write(Buffer.from(text))
    const result = await adapter.write('a', await spool.finish('text/plain'), expected)
    await spool.discard()
    if (!result.ok) throw new Error('refused')
    return result.state.version
  }

  async function textOf(adapter: ReturnType<typeof uploadAdapter>): Promise<string | undefined> {
    const state = await adapter.read('a')
    return state && readFileSync(state.value.path, 'utf8')
  }

  test.each(['create', 'replace', 'remove'] as const)(
    '%s: old or new, never mixed, and nothing else is left',
    async (change) => {
      const [was, is] = { create: [undefined, 'new'], replace: ['old', 'new'], remove: ['old', undefined] }[change]
      const seen = await eachEnd(change)
      expect(new Set(seen.map(({ stored }) => stored))).toEqual(new Set([was, is]))
      for (const { stored, left } of seen) {
        // Head, record and data, and the version before.
        const most = stored === undefined ? 1 : change === 'replace' && stored === 'new' ? 5 : 3
        expect(left.length).toBeLessThanOrEqual(most)
      }
    },
  )

  test('a sweep leaves alone what a living process writes, here or elsewhere', () => {
    const folder = newFolder()
    fileAdapter({ folder })
    const spool = join(folder, '.spool')
    const mine = `${owner.ownerName()}~0123456789abcdef`
    const [pid, start, place] = owner.ownerName().split('-')
    const other = `${pid}-${start}-000000000000`
    const names = [
      mine,
      `${other}~fresh`,
      `${other}~old`,
      `${pid}-1-${place}~reused`,
      `999999999-1-${place}~dead`,
      'odd',
    ]
    for (const name of names) writeFileSync(join(spool, name), '')
    utimesSync(join(spool, `${other}~old`), 1, 1)
    utimesSync(join(spool, mine), 1, 1)
    fileAdapter({ folder })
    expect(readdirSync(spool).sort()).toEqual([mine, `${other}~fresh`, 'odd'].sort())
  })
})

describe('an upload', () => {
  test('lies beside where it will be stored, is read in parts, and is discarded', async () => {
    const folder = newFolder()
    const adapter = uploadAdapter({ folder })
    const spool = await adapter.spool()
    for (const part of ['one ', 'two ', 'three']) await spool.write(Buffer.from(part))
    const file = await spool.finish('text/plain')
    expect(dirname(file.path)).toBe(join(folder, '.spool'))
    expect({ ...file }).toEqual({
      size: 13,
      type: 'text/plain',
      digest: digestOf('one two three'),
    })
    expect(JSON.parse(JSON.stringify(file))).toEqual({ ...file })
    const parts: string[] = []
    for await (const chunk of file.open({ start: 4, end: 6 })) parts.push(String(chunk))
    expect(parts).toEqual(['two'])
    await spool.discard()
    expect(existsSync(file.path)).toBe(false)
    await spool.discard()
  })

  test('can be written to another key, and both are independent', async () => {
    const adapter = uploadAdapter({ folder: newFolder() })
    const spool = await adapter.spool()
    await spool.write(Buffer.from('it'))
    await adapter.write('a', await spool.finish('text/plain'), null)
    await spool.discard()
    const a = await adapter.read('a')
    if (!a) throw new Error('it is there')
    expect(await adapter.write('b', a.value, null)).toMatchObject({ ok: true, state: { value: { size: 2 } } })
    await adapter.remove('a', a.version)
    const b = await adapter.read('b')
    expect(readFileSync(b?.value.path ?? '', 'utf8')).toBe('it')
  })
})

describe('options', () => {
  test.each([
    [{ folder: '' }, 'folder is ""; give the path of a folder.'],
    [{ folder: 5 }, 'folder is 5; give the path of a folder.'],
    [{ folder: 'x', keep: 1 }, 'there is no option "keep". Known are folder, keepVersions, tombstones, now.'],
    [{ folder: 'x', keepVersions: -1 }, 'keepVersions is -1; give 0 or a positive integer.'],
    [{ folder: 'x', tombstones: 1 }, 'tombstones is 1; give true or false.'],
    [{ folder: 'x', now: 1 }, 'now is 1; give a function that returns milliseconds, such as Date.now.'],
  ])('%j are refused at start-up', (options, message) => {
    expect(() => fileAdapter(options as FileAdapterOptions)).toThrow(new TypeError(`fileAdapter(): ${message}`))
    expect(() => uploadAdapter(options as FileAdapterOptions)).toThrow(new TypeError(`uploadAdapter(): ${message}`))
  })
})
