import { CONFLICTS, ConflictError, type ConflictKind, type Problem } from '../../lib'
import { toProblem } from '../../lib/conflicts/conflicts'
import { pageAt } from './page'

const kinds = Object.keys(CONFLICTS) as ConflictKind[]

const page = pageAt('docs/errors.md')

test('docs/errors.md has a heading for each kind, in their order', () => {
  const headings = [...page.prose.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(['Which code when', 'All kinds', ...kinds])
})

test('every answer of the decision tree is a kind, with its status', () => {
  const tree = page.blocks.find(({ language }) => language === 'text')?.text ?? ''
  const leaves = [...tree.matchAll(/\.\.\. (\d{3}) (\w+)$/gm)].map(([, status, kind]) => [kind, Number(status)])
  expect(leaves.length).toBeGreaterThan(25)
  expect(leaves).toEqual(leaves.map(([kind]) => [kind, CONFLICTS[kind as ConflictKind]?.status]))
})

/** Parts of the page by kind: from its heading to the next one. */
const parts = new Map(
  page.text
    .split(/^## /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), part]),
)

test.each(kinds)('%s: cause, what is next, and a problem as the responder makes it', (kind) => {
  const part = parts.get(kind) ?? ''
  expect(part).toContain(`\n\n${CONFLICTS[kind].status}`)
  expect(part).toContain('**What the client does next:**')
  const problem = JSON.parse(/```json\n([\s\S]*?)```/.exec(part)?.[1] ?? '') as Problem & { instance: string }
  const { type, title, status, code, resolution, instance, ...facts } = problem
  expect(problem).toEqual(toProblem(new ConflictError(kind, facts), 'urn:problem-type:express-conflict:', instance))
})

test('the table has a row for each kind, as it is', () => {
  const rows = [...page.prose.matchAll(/^\| \[`(\w+)`\].*$/gm)].map(([row]) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
  expect(rows).toEqual(
    kinds.map((kind) => {
      const { status, retryable, resolution, title } = CONFLICTS[kind]
      return [`[\`${kind}\`](#${kind})`, String(status), retryable ? 'yes' : 'no', `\`${resolution}\``, title]
    }),
  )
})
