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

  test('the second to save is told who changed what, field by field, and nothing is lost', async () => {
    const { first } = await conflict(
      { title: 'Bridge shut', teaser: 'Take the tunnel.' },
      { title: 'Bridge closed for good' },
    )
    expect(await first.locator('#conflict-heading').textContent()).toBe('Ben saved this article while you were writing')
    expect(await first.locator('#conflict-summary').textContent()).toContain(
      'Ben changed the title. You changed the title and the teaser.',
    )
    const title = await field(first, 'Title').textContent()
    for (const words of [
      'you both changed it',
      'Harbour bridge closes for a year',
      'Bridge closed for good',
      'Bridge shut',
    ])
      expect(title).toContain(words)
    expect(await field(first, 'Teaser').textContent()).toContain('you changed it')
    await first.locator('#conflict-cancel').click()
    expect(await first.locator('#title').inputValue()).toBe('Bridge shut')
    expect(await stored()).toMatchObject({ title: 'Bridge closed for good', editedBy: 'Ben' })
  })

  test('take theirs: the form shows what is saved, and nothing is written', async () => {
    const { first } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    await first.locator('#all-theirs').click()
    await first.locator('#conflict-save', { hasText: 'Take what is saved' }).click()
    await first.locator('#state', { hasText: 'This is what is saved.' }).waitFor()
    expect(await first.locator('#title').inputValue()).toBe('Bridge closed for good')
    expect(await stored()).toMatchObject({ title: 'Bridge closed for good', editedBy: 'Ben' })
  })

  test('keep mine: saved on top of what the other one saved', async () => {
    const { first } = await conflict({ title: 'Bridge shut' }, { title: 'Bridge closed for good' })
    await first.locator('#all-mine').click()
    await first.locator('#conflict-save').click()
    await isSaved(first)
    expect(await stored()).toMatchObject({ title: 'Bridge shut', editedBy: 'Anna' })
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
    await first.locator('#all-mine').click()
    await first.locator('#conflict-save').click()
    await first.locator('#conflict-summary', { hasText: 'Ben changed the teaser. You changed the title.' }).waitFor()
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
    await first.keyboard.press('Tab')
    expect(await focusOf(first)).toBe('all-mine')
    await first.keyboard.press('Enter')
    expect(await focusOf(first)).toBe('conflict-save')
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

  test('a newsroom that does not answer loses nothing: try again', async () => {
    const page = await open()
    await write(page, { title: 'Bridge shut' })
    await around.context.setOffline(true)
    await save(page)
    await page.locator('#notice', { hasText: 'The newsroom does not answer' }).waitFor()
    await around.context.setOffline(false)
    await page.locator('#notice button', { hasText: 'Try again' }).click()
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
    await lockText(second, 'Everybody can save this article.')
    await lockButton(second).click()
    await lockText(second, 'Only you can save this article now.')
    return { first, second }
  }

  test('somebody is editing this: the other one is told who, and cannot save; who keeps it can', async () => {
    const { first, second } = await kept({ title: 'Bridge shut' })
    await renewed(first)
    await lockText(first, 'Ben is editing this article. Only Ben can save.')
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
    await lockText(first, 'Only you can save this article now.')
    await write(first, { title: 'Bridge shut' })
    await save(first)
    await isSaved(first)
    await renewed(second)
    await second.locator('#state', { hasText: 'Anna took over. What you wrote is still here.' }).waitFor()
    await lockText(second, 'Anna is editing this article. Only Anna can save.')
    await save(second)
    await second.locator('#notice button', { hasText: 'Take over and save' }).click()
    await dialog(second).waitFor()
    expect(await second.locator('#conflict-summary').textContent()).toContain('Anna changed the title.')
    await second.locator('#conflict-save').click()
    await isSaved(second)
    expect(await stored()).toMatchObject({ title: 'Bridge shut', teaser: 'It fell.', editedBy: 'Ben' })
  })

  test('who lets others in, or goes, keeps nobody out', async () => {
    const { first, second } = await kept({ title: 'Bridge shut' })
    await lockButton(second).click()
    await lockText(second, 'Everybody can save this article.')
    await lockButton(second).click()
    await lockText(second, 'Only you can save this article now.')
    await second.locator('.name').click()
    await second.locator('#hint', { hasText: 'Choose an article' }).waitFor()
    await renewed(first)
    await lockText(first, 'Everybody can save this article.')
    await save(first)
    await isSaved(first)
  })

  test('by keyboard alone: keep it, and let others in again', async () => {
    const page = await open()
    await lockText(page, 'Everybody can save this article.')
    await page.locator('#editor-heading').focus()
    await page.keyboard.press('Tab')
    expect(await focusOf(page)).toBe('lock-button')
    await page.keyboard.press('Enter')
    await lockText(page, 'Only you can save this article now.')
    expect(await focusOf(page)).toBe('lock-button')
    await page.keyboard.press('Enter')
    await lockText(page, 'Everybody can save this article.')
  })

  test('two windows of one name are told apart', async () => {
    const { first } = await kept()
    await first.locator('#editedBy').fill('Ben')
    await first.locator('#editedBy').press('Tab')
    await renewed(first)
    await lockText(first, 'Ben (you, in another window) is editing this article.')
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
