import type { Page } from 'playwright-core'
import { describeInBrowser } from './browser'
import { windows } from './windows'

jest.setTimeout(120_000)

describeInBrowser('an article that somebody else saves while it is open', () => {
  const around = windows()
  const save = async (page: Page, words: Record<string, string>) => {
    for (const [field, text] of Object.entries(words)) await page.locator(`#${field}`).fill(text)
    await page.locator('#save').click()
    await page.locator('#state', { hasText: 'Saved.' }).waitFor()
  }
  const news = (page: Page, words: string) => page.locator('#news-text', { hasText: words }).waitFor()
  const stored = async () => (await fetch(`${around.newsroom.url}/articles/harbour-bridge`)).json()

  test('a person who is typing is told who saved and what, keeps the focus, and can bring both together before saving', async () => {
    const [anna, ben] = [await around.open(), await around.open()]
    await anna.bringToFront()
    await anna.locator('#title').fill('Bridge shut')
    await save(ben, { teaser: 'Nobody knows why.' })
    await news(anna, 'Ben has just saved this article and changed the teaser.')
    expect(await anna.evaluate<string>('document.activeElement.id')).toBe('title')
    expect(await anna.locator('#title').inputValue()).toBe('Bridge shut')
    await anna.locator('#news-button').click()
    await anna.locator('#state', { hasText: 'Not saved yet. What Ben changed is in it.' }).waitFor()
    await anna.locator('#news').waitFor({ state: 'hidden' })
    expect(await anna.locator('#teaser').inputValue()).toBe('Nobody knows why.')
    expect(await stored()).toMatchObject({ title: 'Harbour bridge closes for a year', editedBy: 'Ben' })
    await anna.locator('#save').click()
    await anna.locator('#state', { hasText: 'Saved.' }).waitFor()
    expect(await stored()).toMatchObject({ title: 'Bridge shut', teaser: 'Nobody knows why.', editedBy: 'Anna' })
    await ben.locator('#state', { hasText: 'Anna has just saved. This is the newest.' }).waitFor()
    expect(await ben.locator('#title').inputValue()).toBe('Bridge shut')
    expect(await anna.locator('#news').isVisible()).toBe(false)
  })

  test('news that somebody has ended my lock does not make this window take it again before they do', async () => {
    // It looks when it is told, and only then.
    await around.context.addInitScript('window.setInterval = () => 0')
    const anna = await around.open()
    await anna.locator('#lock-button').click()
    await anna.locator('#lock-text', { hasText: 'You are editing.' }).waitFor()
    const asked: string[] = []
    anna.on('request', (request) => request.url().endsWith('/lock') && asked.push(request.method()))
    const article = `${around.newsroom.url}/articles/harbour-bridge`
    await fetch(`${article}/lock`, { method: 'DELETE', headers: { 'X-Editor': 'Ben' } })
    const headers = { 'If-Match': '*', 'Content-Type': 'application/json' }
    const body = '{"title":"Bridge shut","editedBy":"Ben"}'
    expect((await fetch(article, { method: 'PATCH', headers, body })).status).toBe(200)
    await anna.locator('#state', { hasText: 'Ben has just saved.' }).waitFor()
    expect(asked).toEqual([])
  })

  test('a deletion, and who keeps the article, are told at once', async () => {
    const [anna, ben] = [await around.open(), await around.open()]
    await anna.locator('#title').fill('Bridge shut')
    await ben.locator('#lock-button').click()
    await anna.locator('#lock-text', { hasText: 'Ben is editing.' }).waitFor({ timeout: 4000 })
    ben.on('dialog', (question) => void question.accept())
    await ben.locator('#remove').click()
    await news(anna, 'Somebody has deleted this article. What you wrote is still here.')
    expect(await anna.locator('#title').inputValue()).toBe('Bridge shut')
  })
})
