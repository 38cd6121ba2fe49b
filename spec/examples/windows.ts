import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launch } from './browser'
import { type Newsroom, openNewsroom } from './newsroom'

/** A newsroom of its own for each spec, and the windows that people have open on it. */
export interface Windows {
  readonly newsroom: Newsroom
  readonly context: BrowserContext
  /** A window in which somebody has opened an article. */
  open(id?: string): Promise<Page>
}

/** For the specs around it. A mistake in the page's own code fails the spec in which it happens. */
export function windows(): Windows {
  let newsroom: Newsroom
  let browser: Browser
  let context: BrowserContext
  const mistakes: string[] = []

  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    newsroom = await openNewsroom()
    context = await browser.newContext()
    context.on('weberror', (error) => mistakes.push(String(error.error())))
  })
  afterEach(async () => {
    await context.close()
    await newsroom.close()
    expect(mistakes.splice(0)).toEqual([])
  })

  return {
    get newsroom() {
      return newsroom
    },
    get context() {
      return context
    },
    async open(id = 'harbour-bridge') {
      const page = await context.newPage()
      await page.goto(`${newsroom.url}/#/${id}`)
      await page.locator('#editor').waitFor()
      return page
    },
  }
}
