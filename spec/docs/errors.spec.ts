import { CONFLICTS, ConflictError, type ConflictKind, type Problem } from '../../lib'
import { toProblem } from '../../lib/conflicts/conflicts'
import { pageAt } from './page'

const kinds = Object.keys(CONFLICTS) as ConflictKind[]

test('docs/errors.md has a heading for each kind, in their order', () => {
  const headings = [...pageAt('docs/errors.md').prose.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(kinds)
})

/** Parts of the page by kind: from its heading to the next one. */
const parts = new Map(
  pageAt('docs/errors.md')
    .text.split(/^## /m)
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

test('README.md has a row for each kind, as it is', () => {
  const rows = [...pageAt('README.md').prose.matchAll(/^\| \[`(\w+)`\].*$/gm)].map(([row]) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
  expect(rows).toEqual(
    kinds.map((kind) => {
      const { status, retryable, resolution, title } = CONFLICTS[kind]
      return [
        `[\`${kind}\`](docs/errors.md#${kind})`,
        String(status),
        retryable ? 'yes' : 'no',
        `\`${resolution}\``,
        title,
      ]
    }),
  )
})
