const PLACES = ['compare-and-swap', 'transaction'] as const

/** Articles of `sqlite.mjs`, by each isolation. The slug is unique in the table. */
export async function articleStory(url: string): Promise<unknown> {
  const told: unknown[] = []
  for (const place of PLACES) told.push(await storyAt(url, place))
  const log = await fetch(`${url}/log`)
  return [...told, await log.json()]
}

async function storyAt(url: string, slug: string): Promise<unknown> {
  const send = (method: string, path: string, title: string, headers: Record<string, string> = {}) =>
    fetch(new URL(path, url), {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ slug, title }),
    })
  const made = await send('POST', `/${slug}`, 'one')
  const twin = await send('POST', `/${slug}`, 'twin')
  const path = made.headers.get('Location') ?? ''
  const read = async () => {
    const response = await fetch(new URL(path, url))
    const { title } = (await response.json()) as { title: string }
    return { title, ifMatch: { 'If-Match': response.headers.get('ETag') ?? '' } }
  }
  const first = await read()
  const changed = await send('PUT', path, 'two', first.ifMatch)
  const stale = await send('PUT', path, 'three', first.ifMatch)
  const second = await read()
  const raced = await Promise.all(['four', 'five'].map((title) => send('PUT', path, title, second.ifMatch)))
  const winner = raced[0]?.status === 200 ? 'four' : 'five'
  const third = await read()
  const { code, conflicts } = (await twin.json()) as { code: string; conflicts: unknown }
  return {
    statuses: [made, twin, changed, stale].map(({ status }) => status),
    twin: { code, conflicts },
    raced: raced.map(({ status }) => status).sort(),
    titles: [first.title, second.title, third.title === winner],
  }
}

const RIGHT_STORY = {
  statuses: [201, 409, 200, 412],
  twin: { code: 'unique_violation', conflicts: [{ pointer: '/slug', kind: 'unique' }] },
  raced: [200, 412],
  titles: ['one', 'two', true],
}

/** What the stories come to, and what the app has written on the bare database. */
export const RIGHT_ARTICLES = [...PLACES.map(() => RIGHT_STORY), [{ entry: 'after it' }]]
