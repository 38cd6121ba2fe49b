import { execFileSync } from 'node:child_process'
import { type Newsroom, openNewsroom } from './newsroom'

const hasCurl = (() => {
  try {
    execFileSync('curl', ['--version'])
    return true
  } catch {
    return false
  }
})()
const isNeeded = process.env.CONFLICT_SERVICES === 'required'
const testWithCurl = hasCurl || isNeeded ? test : test.skip

let newsroom: Newsroom
beforeAll(async () => {
  newsroom = await openNewsroom()
})
afterAll(() => newsroom?.close())

testWithCurl('each line that the terminal prints answers with the status that is printed above it', async () => {
  const lines = newsroom.text.split('\n')
  const tries = lines.flatMap((line, index) => {
    const [, status] = /^ {2}(\d{3}) {2}\S/.exec(line) ?? []
    const command = lines[index + 1]?.trim() ?? ''
    return status === undefined ? [] : [{ what: line.trim(), status, command }]
  })
  const seen = tries.map(({ what, command }) => {
    const [, status] =
      /^HTTP\/1\.1 (\d{3})/.exec(execFileSync('sh', ['-c', `${command} -s`], { encoding: 'utf8' })) ?? []
    return { what, status, command }
  })
  expect(seen).toEqual(tries)
  expect(tries.length).toBeGreaterThanOrEqual(12)
  const all = (await (await fetch(`${newsroom.url}/articles`)).json()) as { title: string }[]
  expect(all.filter(({ title }) => title === 'Ferry runs again')).toHaveLength(1)
})

test('a port that is taken is named, with the way out', () => {
  const { port } = new URL(newsroom.url)
  const run = () =>
    execFileSync(process.execPath, [require.resolve('../../examples/newsroom/server.js')], {
      env: { ...process.env, HOST: '127.0.0.1', PORT: port, DATABASE_URL: 'sqlite::memory:' },
      encoding: 'utf8',
      stdio: 'pipe',
    })
  expect(run).toThrow(`Port ${port} is taken. Choose another one`)
})

test('metrics are there for Prometheus', async () => {
  await fetch(`${newsroom.url}/articles/none`)
  const text = await (await fetch(`${newsroom.url}/metrics`)).text()
  expect(text).toMatch(/^express_conflict_conflicts_total\{.*error_type="not_found".*\} \d+$/m)
})

test('it ends when it is told to, although somebody has an article open', async () => {
  const changes = await fetch(`${newsroom.url}/articles/harbour-bridge/changes`)
  const dashboard = await fetch(`${newsroom.url}/conflicts/live`)
  await newsroom.close()
  for (const { body } of [changes, dashboard]) for await (const _ of body ?? []);
})
