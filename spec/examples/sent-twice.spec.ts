import type { Page, Route } from 'playwright-core'
import { describeInBrowser } from './browser'
import { windows } from './windows'

jest.setTimeout(120_000)

describeInBrowser('a save that is sent twice', () => {
  const around = windows()
  const { open } = around
  const write = (page: Page, title: string) => page.locator('#title').fill(title)
  const save = (page: Page) => page.locator('#save')
  const isSaved = (page: Page) => page.locator('#state', { hasText: 'Saved.' }).waitFor()
  const isCutOff = (page: Page) => page.locator('#notice', { hasText: 'The newsroom does not answer' }).waitFor()
  const tagOf = async (id: string) => (await fetch(`${around.newsroom.url}/articles/${id}`)).headers.get('ETag')
  const idOn = (page: Page) => new URL(page.url()).hash.slice(2)
  const titles = async () => {
    const all = (await (await fetch(`${around.newsroom.url}/articles`)).json()) as { title: string }[]
    return all.map(({ title }) => title).slice(2)
  }

  /** What the page sends when somebody saves: a PUT of an article, or a POST of a new one. */
  async function onSave(page: Page, handle: (route: Route) => Promise<void>): Promise<void> {
    await page.route(/\/articles(\/[\w-]+)?$/, (route) =>
      ['PUT', 'POST'].includes(route.request().method()) ? handle(route) : route.continue(),
    )
  }

  /** Clicks twice, and holds the first save until the second one is there too. Gives the two answers. */
  async function doubleClick(page: Page): Promise<string[]> {
    const held: Route[] = []
    const answers: string[] = []
    await new Promise<void>((resolve, reject) => {
      const answer = async (route: Route) => {
        const response = await route.fetch()
        answers.push(`${response.status()} ${response.headers().etag}`)
        await route.fulfill({ response })
      }
      onSave(page, async (route) => {
        held.push(route)
        if (held.length === 2) Promise.all(held.map(answer)).then(() => resolve(), reject)
      })
        .then(() => page.locator('#save').dblclick())
        .catch(reject)
    })
    await isSaved(page)
    // The page has seen both answers.
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))')
    return answers
  }

  /** The first save is carried out, and nothing comes back; nor does anything arrive from then on. Gives its tag. */
  async function unplug(page: Page): Promise<{ tag: string | undefined; plugIn(): Promise<void> }> {
    const plug = { tag: undefined as string | undefined, plugIn: () => page.unrouteAll() }
    await onSave(page, async (route) => {
      if (plug.tag === undefined) plug.tag = (await route.fetch()).headers().etag
      await route.abort('connectionreset')
    })
    return plug
  }

  test('double click on save: one write, and nothing is said but that it is saved', async () => {
    const page = await open('harbour-bridge')
    await write(page, 'Bridge shut')
    const answers = await doubleClick(page)
    const answer = `200 ${await tagOf('harbour-bridge')}`
    expect(answers).toEqual([answer, answer])
    expect(await page.locator('#notice').isVisible()).toBe(false)
    expect(await page.locator('#conflict[open]').count()).toBe(0)
  })

  test('double click on the save of a new article: there is one', async () => {
    const page = await open('new')
    await write(page, 'Ferry runs again')
    const answers = await doubleClick(page)
    const answer = `201 ${await tagOf(idOn(page))}`
    expect(answers).toEqual([answer, answer])
    expect(await titles()).toEqual(['City budget passes by one vote', 'Ferry runs again'])
    expect(await page.locator('#notice').isVisible()).toBe(false)
  })

  test('save, pull the plug, save again: one write', async () => {
    const page = await open('harbour-bridge')
    const plug = await unplug(page)
    await write(page, 'Bridge shut')
    await save(page).click()
    await isCutOff(page)
    await plug.plugIn()
    await save(page).click()
    await isSaved(page)
    expect(plug.tag).toBeDefined()
    expect(await tagOf('harbour-bridge')).toBe(plug.tag)
  })

  test('the same with a new article: there is one, and it is the one on the desk', async () => {
    const page = await open('new')
    const plug = await unplug(page)
    await write(page, 'Ferry runs again')
    await save(page).click()
    await isCutOff(page)
    await plug.plugIn()
    await save(page).click()
    await isSaved(page)
    expect(await titles()).toEqual(['City budget passes by one vote', 'Ferry runs again'])
    expect(await tagOf(idOn(page))).toBe(plug.tag)
  })

  for (const id of ['harbour-bridge', 'new'])
    test(`what was written while the plug was out is saved on top of it (${id})`, async () => {
      const page = await open(id)
      const plug = await unplug(page)
      await write(page, 'The mayor resigns')
      await save(page).click()
      await isCutOff(page)
      await write(page, 'The mayor resigns at last')
      await plug.plugIn()
      await save(page).click()
      await isSaved(page)
      const all = await titles()
      expect(all).toHaveLength(id === 'new' ? 2 : 1)
      expect(await page.locator('#title').inputValue()).toBe('The mayor resigns at last')
      await page.locator('#articles [aria-current]', { hasText: 'The mayor resigns at last' }).waitFor()
      expect(await page.locator('#conflict[open]').count()).toBe(0)
    })

  test('words that were refused are not sent again in place of those that follow', async () => {
    const page = await open('new')
    const plug = await unplug(page)
    await write(page, '')
    await save(page).click()
    await isCutOff(page)
    await write(page, 'Ferry runs again')
    await plug.plugIn()
    await save(page).click()
    await isSaved(page)
    expect(await titles()).toEqual(['City budget passes by one vote', 'Ferry runs again'])
  })
})
