import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { ROOT } from '../sources'
import { describeInBrowser } from './browser'
import { windows } from './windows'

jest.setTimeout(120_000)

/** `PICTURES=new npx jest spec/examples/pictures.spec.ts` takes them anew. */
const isTakenAnew = process.env.PICTURES === 'new'

/** A picture that a page shows, and the words of it for those who cannot see it. */
async function expectPicture(
  shown: Locator | Page,
  page: string,
  path: string,
  words: readonly string[],
): Promise<void> {
  const file = join(ROOT, 'docs/images', path)
  const picture = await shown.screenshot({ animations: 'disabled' })
  if (isTakenAnew) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, picture)
  }
  expect(existsSync(file)).toBe(true)
  // Fonts differ from machine to machine by a little, a page of another shape by much.
  const widths = [readFileSync(file), picture].map((png) => png.readUInt32BE(16))
  expect(widths[1]).toBe(widths[0])

  const [, alternative = ''] = new RegExp(`!\\[(.*)\\]\\([a-z/]*images/${path}\\)`).exec(textOf(page)) ?? []
  for (const each of words) expect(alternative).toContain(each)
}

const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8')

async function save(page: Page, words: Record<string, string>): Promise<void> {
  for (const [field, text] of Object.entries(words)) await page.locator(`#${field}`).fill(text)
  await page.locator('#save').click()
}
const isSaved = (page: Page) => page.locator('#state', { hasText: 'Saved.' }).waitFor()

describeInBrowser('the pictures of the documentation', () => {
  const around = windows()
  const { open } = around

  async function annaAndBen(): Promise<[Page, Page]> {
    const both: [Page, Page] = [await open(), await open()]
    await both[0].setViewportSize({ width: 900, height: 900 })
    await both[0].emulateMedia({ colorScheme: 'light' })
    return both
  }

  test('README.md shows the dialog as it is, and says so to those who cannot see it', async () => {
    const [anna, ben] = await annaAndBen()
    await anna.locator('#title').fill('Harbour bridge shut for a year')
    await save(ben, { title: 'Harbour bridge closes for good' })
    await isSaved(ben)
    await save(anna, { teaser: 'Take the tunnel.' })
    const dialog = anna.locator('#conflict[open]')
    await dialog.waitFor()
    const heading = (await dialog.locator('#conflict-heading').textContent()) ?? ''
    const changed = 'Ben changed the title. You changed the title and the teaser.'
    expect(await dialog.locator('#conflict-summary').textContent()).toContain(changed)
    await expectPicture(dialog, 'README.md', 'conflict-dialog.png', [heading, changed])
  })

  test('docs/merge.md shows what came in without a question, and docs/locks.md who is editing', async () => {
    const [anna, ben] = await annaAndBen()
    await anna.locator('#title').fill('Harbour bridge shut')
    await save(ben, { teaser: 'From April on there is no way but the old tunnel.' })
    await isSaved(ben)
    await anna.locator('#save').click()
    await isSaved(anna)
    await anna.locator('.merged summary', { hasText: 'Ben changed this' }).click()
    const teaser = anna.locator('.field', { has: anna.locator('#teaser') })
    await expectPicture(teaser, 'docs/merge.md', 'merged.png', ['Ben changed this', 'across the river'])

    const lock = anna.locator('#lock', { hasText: 'Nobody is editing.' })
    await lock.waitFor()
    await expectPicture(lock, 'docs/locks.md', 'edit-lock.png', ['Nobody is editing.', 'Lock'])
  })

  test('README.md shows two editors: what one of them saves, the other one sees while typing', async () => {
    const [anna, ben] = await annaAndBen()
    for (const each of [anna, ben]) await each.setViewportSize({ width: 620, height: 600 })
    await anna.bringToFront()
    await anna.locator('#title').fill('Harbour bridge shut')
    await save(ben, { teaser: 'From April on there is no way but the old tunnel.' })
    await isSaved(ben)
    const news = 'Ben has just saved this article and changed the teaser.'
    await anna.locator('#news-text', { hasText: news }).waitFor()
    for (const each of [anna, ben]) await each.evaluate('scrollTo(0, 0)')
    const pictures = [await anna.screenshot({ animations: 'disabled' }), await ben.screenshot()]
    const both = await around.context.newPage()
    await both.setViewportSize({ width: 1280, height: 600 })
    const [left, right] = pictures.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`)
    await both.setContent(`<body style="margin:0;display:flex;gap:40px;background:#59636e">${left}${right}`)
    await expectPicture(both, 'README.md', 'two-editors.png', [news])
  })

  test('README.md shows the dashboard: the hottest article and its cure', async () => {
    const at = `${around.newsroom.url}/articles/harbour-bridge`
    const tag = (await fetch(at)).headers.get('ETag') ?? ''
    const headers = { 'Content-Type': 'application/merge-patch+json', 'If-Match': tag }
    for (const body of [{ title: 'Bridge shut' }, { body: 'No way.' }, { body: 'None.' }, { title: 'Shut' }])
      await fetch(at, { method: 'PATCH', headers, body: JSON.stringify(body) })
    const page = await around.context.newPage()
    await page.setViewportSize({ width: 900, height: 640 })
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(`${around.newsroom.url}/conflicts/`)
    const cure = page.getByRole('listitem').first()
    await cure.waitFor()
    expect(await cure.textContent()).toMatch(/^merge: 'disjoint' would have helped 2 times/)
    await expectPicture(page, 'README.md', 'dashboard.png', ["merge: 'disjoint' would have helped 2 times"])
  })
})
