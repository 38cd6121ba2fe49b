import { describeInBrowser, launch } from './browser'
import { openNewsroom } from './newsroom'

describeInBrowser('the dashboard of the newsroom', () => {
  test('shows the hottest article and its cure, live, and asks nobody else', async () => {
    const newsroom = await openNewsroom()
    const browser = await launch()
    try {
      const page = await browser.newPage()
      const [errors, origins]: [string[], Set<string>] = [[], new Set()]
      page.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())))
      page.on('pageerror', (error) => void errors.push(String(error)))
      page.on('request', (each) => void origins.add(new URL(each.url()).origin))
      await page.goto(`${newsroom.url}/conflicts`)
      await page.getByText('Nothing has collided yet.').waitFor()
      const at = `${newsroom.url}/articles/harbour-bridge`
      const tag = (await fetch(at)).headers.get('ETag') ?? ''
      const save = async (body: object) => {
        const headers = { 'Content-Type': 'application/merge-patch+json', 'If-Match': tag }
        return (await fetch(at, { method: 'PATCH', headers, body: JSON.stringify(body) })).status
      }
      expect([await save({ title: 'Bridge shut' }), await save({ body: 'Mine.' })]).toEqual([200, 412])
      const hottest = page.getByRole('article').first()
      await hottest.getByText("merge: 'disjoint'").waitFor()
      expect(await hottest.textContent()).toMatch(/would have helped 1 time/)
      // A reader in the middle of the page stays there when something new comes in.
      const inFocus = () => page.evaluate<string | null>("document.activeElement.getAttribute('aria-label')")
      for (let at = 0; at < 5 && (await inFocus()) !== 'Last refusals'; at++) await page.keyboard.press('Tab')
      await save({ body: 'Mine again.' })
      await page.getByText('2 refused').waitFor()
      expect(await inFocus()).toBe('Last refusals')
      // On a phone nothing is wider than the screen, and in the dark the paper is dark.
      await page.setViewportSize({ width: 360, height: 640 })
      await page.emulateMedia({ colorScheme: 'dark' })
      const looks = '[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]'
      expect(await page.evaluate(looks)).toEqual([360, 'rgb(13, 17, 23)'])
      expect([...origins]).toEqual([newsroom.url])
      expect(errors).toEqual([])
    } finally {
      await browser.close()
      await newsroom.close()
    }
  })
})
