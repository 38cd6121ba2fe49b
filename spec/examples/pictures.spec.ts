import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../sources'
import { describeInBrowser } from './browser'
import { windows } from './windows'

jest.setTimeout(120_000)

const PICTURE = 'docs/images/conflict-dialog.png'

/** `PICTURES=new npx jest spec/examples/pictures.spec.ts` takes them anew. */
const isTakenAnew = process.env.PICTURES === 'new'

describeInBrowser('the pictures of the documentation', () => {
  const { open } = windows()

  test('README.md shows the dialog as it is, and says so to those who cannot see it', async () => {
    const [first, second] = [await open(), await open()]
    await first.setViewportSize({ width: 900, height: 900 })
    await first.locator('#title').fill('Harbour bridge shut for a year')
    await first.locator('#teaser').fill('Take the tunnel.')
    await second.locator('#title').fill('Harbour bridge closes for good')
    await second.locator('#save').click()
    await second.locator('#state', { hasText: 'Saved.' }).waitFor()
    await first.locator('#save').click()
    const dialog = first.locator('#conflict[open]')
    await dialog.waitFor()
    const words = await Promise.all(
      ['#conflict-heading', '#conflict-summary'].map((part) => first.locator(part).textContent()),
    )
    const [heading, summary] = words.map((each) => each?.trim() ?? '')
    const picture = await dialog.screenshot({ animations: 'disabled' })
    if (isTakenAnew) {
      mkdirSync(dirname(join(ROOT, PICTURE)), { recursive: true })
      writeFileSync(join(ROOT, PICTURE), picture)
    }

    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    const [, alternative = ''] = new RegExp(`!\\[(.*)\\]\\(${PICTURE}\\)`).exec(readme) ?? []
    expect(summary?.startsWith(alternative.split('. ').slice(1).join('. '))).toBe(true)
    expect(alternative).toContain(heading)
    expect(existsSync(join(ROOT, PICTURE))).toBe(true)
    // Fonts differ from machine to machine by a little, a dialog of another shape by much.
    const widths = [readFileSync(join(ROOT, PICTURE)), picture].map((png) => png.readUInt32BE(16))
    expect(widths[1]).toBe(widths[0])
  })
})
