import type { Page } from 'playwright-core'
import { describeInBrowser } from './browser'
import { windows } from './windows'

jest.setTimeout(120_000)

describeInBrowser('two windows on one article', () => {
  const around = windows()
  const { open } = around
  async function write(page: Page, words: Record<string, string>): Promise<void> {
    for (const [field, text] of Object.entries(words)) await page.locator(`#${field}`).fill(text)
  }
  const save = (page: Page) => page.locator('#save').click()
  const isSaved = (page: Page) => page.locator('#state', { hasText: 'Saved.' }).waitFor()
  const focusOf = (page: Page) => page.evaluate<string>('document.activeElement.id')
  const dialog = (page: Page) => page.locator('#conflict[open]')
  const field = (page: Page, label: string) =>
    page.locator('#conflict fieldset', { has: page.locator('legend', { hasText: label }) })
  const stored = async (id = 'harbour-bridge') => (await fetch(`${around.newsroom.url}/articles/${id}`)).json()

  const choose = (page: Page, label: string, side: string) => field(page, label).locator(`.${side} input`).check()

  /** The colours of one side of the title, and the contrasts (WCAG 2) of its name and of what it added and removed. */
  async function coloursOf(page: Page, side: string) {
    return page.evaluate<{ name: string; added: string; contrasts: number[] }>(`(() => {
      const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
      const light = (colour) => channels(colour)
        .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0)
      const contrast = (...pair) => {
        const [dark, bright] = pair.map(light).sort((a, b) => a - b)
        return (bright + 0.05) / (dark + 0.05)
      }
      const style = (part) => getComputedStyle(document.querySelector('#conflict .${side}' + part))
      const [sheet, name, added, removed] = ['', ' .side-name', ' ins', ' del'].map(style)
      return {
        name: name.color,
        added: added.backgroundColor,
        contrasts: [
          contrast(name.color, sheet.backgroundColor),
          contrast(added.color, added.backgroundColor),
          contrast(removed.color, sheet.backgroundColor),
        ],
      }
    })()`)
  }

  /** Anna and Ben have the same article open; Ben saves first, and Anna is told. */
  async function conflict(anna: Record<string, string>, ben: Record<string, string>) {
    const first = await open()
    const second = await open()
    await write(first, anna)
    await write(second, ben)
    await save(second)
    await isSaved(second)
    await save(first)
    await dialog(first).waitFor()
    return { first, second }
  }

  test('the second to save is told who changed what, sees both wordings, and nothing is lost', async () => {
    const { first } = await conflict(
      { title: 'Bridge shut', teaser: 'Take the tunnel.' },
      { title: 'Bridge closed for good' },
    )
    expect(await first.locator('#conflict-heading').textContent()).toBe('Ben saved this article while you were writing')
    expect(await first.locator('#conflict-summary').textContent()).toContain(
      'Ben changed the title. You changed the title and the teaser.',
    )
    const title = field(first, 'Title')
    expect(await title.locator('.base').textContent()).toContain('Harbour bridge closes for a year')
    expect(await title.locator('.theirs del').allTextContents()).toEqual(['Harbour bridge closes ', 'a year'])
    expect(await title.locator('.theirs ins').allTextContents()).toEqual(['Bridge closed ', 'good'])
    expect(await title.locator('.mine ins').allTextContents()).toEqual(['Bridge shut'])
    expect(await first.locator('#conflict fieldset').count()).toBe(1)
    await first.locator('#conflict-cancel').click()
    expect(await first.locator('#title').inputValue()).toBe('Bridge shut')
    expect(await stored()).toMatchObject({ title: 'Bridge closed for good', editedBy: 'Ben' })
  })

  test('take theirs: the form shows what is saved, and nothing is written', async () => {
    const { first } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    await choose(first, 'Title', 'theirs')
    await first.locator('#conflict-save', { hasText: 'Take what is saved' }).click()
    await first.locator('#state', { hasText: 'This is what is saved.' }).waitFor()
    expect(await first.locator('#title').inputValue()).toBe('Bridge closed for good')
    expect(await stored()).toMatchObject({ title: 'Bridge closed for good', editedBy: 'Ben' })
  })

  test('keep mine in all fields: saved on top of what the other one saved', async () => {
    const mine = { title: 'Bridge shut', teaser: 'Take the tunnel.' }
    const { first } = await conflict(mine, { title: 'Bridge closed for good', teaser: 'It fell.' })
    await first.locator('#all-mine').click()
    await first.locator('#conflict-save').click()
    await isSaved(first)
    expect(await stored()).toMatchObject({ ...mine, editedBy: 'Anna' })
  })

  test('different fields are merged without a question, and the person who saves second sees what came in', async () => {
    const [first, second] = [await open(), await open()]
    await write(first, { title: 'Bridge shut' })
    await write(second, { teaser: 'From April on there is no way but the old tunnel.' })
    await save(second)
    await isSaved(second)
    await save(first)
    await first.locator('#state', { hasText: 'Saved. What Ben changed is in it.' }).waitFor()
    expect(await dialog(first).count()).toBe(0)
    expect(await stored()).toMatchObject({
      title: 'Bridge shut',
      teaser: 'From April on there is no way but the old tunnel.',
      editedBy: 'Anna',
    })
    const merged = first.locator('.merged')
    expect(await merged.locator('summary').allTextContents()).toEqual(['Ben changed this'])
    await merged.locator('summary').click()
    expect(await merged.locator('del').allTextContents()).toEqual(['across the river '])
    expect(await first.locator('#title-error').isVisible()).toBe(false)
    await write(first, { title: 'Bridge closed' })
    await save(first)
    await merged.waitFor({ state: 'detached' })
  })

  test('Save without a choice says beside each field that it waits for one, and goes there', async () => {
    const words = { title: 'Bridge shut', teaser: 'It fell.' }
    const { first } = await conflict(words, { title: 'Bridge closed', teaser: 'Nobody knows why.' })
    const error = (name: string) => first.locator(`#conflict-${name}-error`)
    await choose(first, 'Teaser', 'mine')
    await first.locator('#conflict-save').click()
    await error('title').waitFor()
    expect(await error('title').textContent()).toContain('Choose one, or write it in other words.')
    expect(await error('teaser').isVisible()).toBe(false)
    expect(await first.evaluate('document.activeElement.name')).toBe('keep-title')
    await choose(first, 'Title', 'mine')
    expect(await error('title').isVisible()).toBe(false)
    await first.locator('#conflict-save').click()
    await isSaved(first)
    expect(await stored()).toMatchObject(words)
  })

  test('theirs and mine have a colour each, in light and in dark, that can be read', async () => {
    const { first } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    for (const colorScheme of ['light', 'dark'] as const) {
      await first.emulateMedia({ colorScheme })
      const [theirs, mine] = [await coloursOf(first, 'theirs'), await coloursOf(first, 'mine')]
      for (const colours of [theirs, mine])
        for (const contrast of colours.contrasts) expect(contrast).toBeGreaterThan(4.5)
      expect(theirs.name).not.toBe(mine.name)
      expect(theirs.added).not.toBe(mine.added)
    }
  })

  test('merge: each keeps what only one changed, and a third wording settles what both did', async () => {
    const { first } = await conflict(
      { title: 'Bridge shut', teaser: 'Take the tunnel.' },
      { title: 'Bridge closed for good', body: 'Nobody knows why.' },
    )
    await field(first, 'Title').locator('textarea').fill('Bridge shut for good')
    await first.locator('#conflict-save').click()
    await isSaved(first)
    expect(await stored()).toMatchObject({
      title: 'Bridge shut for good',
      teaser: 'Take the tunnel.',
      body: 'Nobody knows why.',
      editedBy: 'Anna',
    })
  })

  test('a third one who saves while the second is choosing is noticed too', async () => {
    const { first, second } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    await write(second, { teaser: 'It fell.' })
    await save(second)
    await isSaved(second)
    await choose(first, 'Title', 'mine')
    await first.locator('#conflict-save').click()
    await isSaved(first)
    expect(await stored()).toMatchObject({ title: 'Bridge shut', teaser: 'It fell.', editedBy: 'Anna' })
  })

  test('by keyboard alone: the focus goes into the dialog, and to what comes next', async () => {
    const first = await open()
    await first.locator('#title').focus()
    await first.keyboard.press('Control+A')
    await first.keyboard.type('Bridge shut')
    const second = await open()
    await write(second, { title: 'Bridge closed for good' })
    await save(second)
    await isSaved(second)
    await first.bringToFront()
    await first.keyboard.press('Enter')
    await dialog(first).waitFor()
    expect(await focusOf(first)).toBe('conflict-heading')
    await first.keyboard.press('Tab')
    await first.keyboard.press('ArrowDown')
    expect(await field(first, 'Title').locator('.mine input').isChecked()).toBe(true)
    await first.keyboard.press('Enter')
    await isSaved(first)
    expect(await stored()).toMatchObject({ title: 'Bridge shut', editedBy: 'Anna' })
  })

  test('what the newsroom refuses is said beside the field', async () => {
    const page = await open('night-trains')
    await write(page, { title: '' })
    await save(page)
    await page.locator('#title-error', { hasText: 'Write something here.' }).waitFor()
    expect(await focusOf(page)).toBe('title')
    await write(page, { title: 'Night trains' })
    await page.locator('#status').selectOption('archived')
    await save(page)
    await page.locator('#status-error', { hasText: 'it can only go to “Draft” or “Published”' }).waitFor()
    expect(await stored('night-trains')).toMatchObject({ status: 'review', title: 'Night trains return to the north' })
  })

  test('an article that was deleted meanwhile: what was written is still there', async () => {
    const first = await open()
    const second = await open()
    await write(first, { title: 'Bridge shut' })
    second.on('dialog', (question) => void question.accept())
    await second.locator('#remove').click()
    await second.locator('#hint', { hasText: 'Choose an article' }).waitFor()
    await save(first)
    await first.locator('#notice', { hasText: 'This article was deleted' }).waitFor()
    expect(await first.locator('#title').inputValue()).toBe('Bridge shut')
  })

  test('a newsroom that does not answer loses nothing, and the message ends when it does', async () => {
    const page = await open()
    await write(page, { title: 'Bridge shut' })
    await around.context.setOffline(true)
    await save(page)
    const notice = page.locator('#notice', { hasText: 'The newsroom does not answer' })
    await notice.waitFor()
    await around.context.setOffline(false)
    await page.locator('#state', { hasText: 'The newsroom answers again. Save once more.' }).waitFor()
    expect(await notice.isVisible()).toBe(false)
    expect(await focusOf(page)).toBe('save')
    await save(page)
    await isSaved(page)
    expect(await stored()).toMatchObject({ title: 'Bridge shut' })
  })

  const lockText = (page: Page, words: string) => page.locator('#lock-text', { hasText: words }).waitFor()
  const lockButton = (page: Page) => page.locator('#lock-button')
  const renewed = (page: Page) => page.evaluate("import('./lock.mjs').then(({ refreshLock }) => refreshLock())")

  /** Ben keeps the article to himself, and Anna has it open too. */
  async function kept(anna: Record<string, string> = {}) {
    const first = await open()
    const second = await open()
    await write(first, anna)
    await lockText(second, 'Nobody is editing.')
    await lockButton(second).click()
    await lockText(second, 'You are editing. Only you can save.')
    return { first, second }
  }

  test('somebody is editing this: the other one is told who, and cannot save; who keeps it can', async () => {
    const { first, second } = await kept({ title: 'Bridge shut' })
    await renewed(first)
    await lockText(first, 'Ben is editing. Only Ben can save.')
    await save(first)
    await first.locator('#notice', { hasText: 'Ben is editing this article' }).waitFor()
    expect(await first.locator('#title').inputValue()).toBe('Bridge shut')
    await write(second, { title: 'Bridge closed for good' })
    await save(second)
    await isSaved(second)
    expect(await stored()).toMatchObject({ title: 'Bridge closed for good', editedBy: 'Ben' })
  })

  test('take-over: the other one is told, and loses nothing of what was written', async () => {
    const { first, second } = await kept()
    await write(second, { teaser: 'It fell.' })
    await renewed(first)
    await lockButton(first).click()
    await lockText(first, 'You are editing. Only you can save.')
    await write(first, { title: 'Bridge shut' })
    await save(first)
    await isSaved(first)
    await renewed(second)
    await second.locator('#state', { hasText: 'Anna took over. What you wrote is still here.' }).waitFor()
    await lockText(second, 'Anna is editing. Only Anna can save.')
    await save(second)
    await second.locator('#notice button', { hasText: 'Take over and save' }).click()
    await second.locator('#state', { hasText: 'Saved. What Anna changed is in it.' }).waitFor()
    expect(await stored()).toMatchObject({ title: 'Bridge shut', teaser: 'It fell.', editedBy: 'Ben' })
  })

  test('who lets others in, or goes, keeps nobody out', async () => {
    const { first, second } = await kept({ title: 'Bridge shut' })
    await lockButton(second).click()
    await lockText(second, 'Nobody is editing.')
    await lockButton(second).click()
    await lockText(second, 'You are editing. Only you can save.')
    await second.locator('.name').click()
    await second.locator('#hint', { hasText: 'Choose an article' }).waitFor()
    await renewed(first)
    await lockText(first, 'Nobody is editing.')
    await save(first)
    await isSaved(first)
  })

  test('by keyboard alone: keep it, and let others in again', async () => {
    const page = await open()
    await lockText(page, 'Nobody is editing.')
    await page.locator('#editor-heading').focus()
    await page.keyboard.press('Tab')
    expect(await focusOf(page)).toBe('lock-button')
    await page.keyboard.press('Enter')
    await lockText(page, 'You are editing. Only you can save.')
    expect(await focusOf(page)).toBe('lock-button')
    await page.keyboard.press('Enter')
    await lockText(page, 'Nobody is editing.')
  })

  test('two windows of one name are told apart', async () => {
    const { first } = await kept()
    await first.locator('#editedBy').fill('Ben')
    await first.locator('#editedBy').press('Tab')
    await renewed(first)
    await lockText(first, 'Ben (you, in another window) is editing.')
    await first.setViewportSize({ width: 360, height: 740 })
    expect(await first.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  })

  test('on a phone nothing has to be scrolled sideways, the dialog included', async () => {
    const { first } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    await first.setViewportSize({ width: 360, height: 740 })
    const widths = await Promise.all(
      ['document.documentElement', 'document.querySelector("#conflict")'].map((part) =>
        first.evaluate<number>(`${part}.scrollWidth`),
      ),
    )
    for (const width of widths) expect(width).toBeLessThanOrEqual(360)
  })
})
