import type { IncomingMessage, ServerResponse } from 'node:http'
import { CONFLICTS, type ConflictKind, type Resolution } from '../conflicts/conflicts'
import { checkOptions } from '../options'

const KINDS = Object.keys(CONFLICTS) as ConflictKind[]

/**
 * A JSON Schema (2020-12) of the problems that `respondToConflicts` sends: of all kinds, or of the kinds with one
 * status. It allows more members, because rules may add their own.
 */
export function problemSchema(status?: number): Record<string, unknown> {
  const kinds = status === undefined ? KINDS : KINDS.filter((kind) => statusesOf(kind).includes(status))
  return {
    type: 'object',
    description: 'A problem (RFC 9457).',
    required: ['type', 'title', 'status', 'instance', 'code', 'retryable', 'resolution'],
    properties: {
      type: { type: 'string', format: 'uri-reference', description: 'One URI for each kind.' },
      title: { type: 'string', description: 'The kind in words.' },
      status: status === undefined ? { type: 'integer', minimum: 400, maximum: 599 } : { const: status },
      detail: { type: 'string', description: 'One sentence on this occurrence, for a person.' },
      instance: { type: 'string', format: 'uri', description: 'The same one as in the log.' },
      code: { enum: kinds, description: 'The kind. It never changes its meaning.' },
      retryable: { type: 'boolean', description: 'May the same request, unchanged, succeed later?' },
      resolution: { enum: [...new Set(KINDS.map((kind) => CONFLICTS[kind].resolution))] },
      field: { type: 'string', description: 'The condition that failed.' },
      expected: { type: 'string', description: 'The entity tag that the client named.' },
      current: { type: 'string', description: 'The entity tag of the current state.' },
      conflicts: {
        type: 'array',
        maxItems: 50,
        description: 'The members that stand in the way.',
        items: {
          type: 'object',
          required: ['pointer', 'kind'],
          properties: { pointer: { type: 'string', format: 'json-pointer' }, kind: { type: 'string' } },
        },
      },
      errors: { type: 'array', maxItems: 50, items: { type: 'object' }, description: 'What the schema found.' },
      from: { type: 'string' },
      to: { type: 'string' },
      allowed: { type: 'array', items: { type: 'string' } },
      lockedUntil: { type: 'string', format: 'date-time' },
      holder: { description: 'Who holds an edit lock, as the app describes it.' },
      state: { description: 'What the app shows of the current state.' },
    },
  }
}

/** The statuses that a kind can have: its default, and those that the option `status` may set instead. */
function statusesOf(kind: ConflictKind): readonly number[] {
  const { status } = CONFLICTS[kind]
  if (kind === 'immutable_field') return [status, 400, 422]
  return kind === 'schema_invalid' ? [status, 400] : [status]
}

/** The words for one kind. What is missing stays in English. */
export interface ProblemWords {
  readonly title?: string
  /** What the client should do next. */
  readonly next?: string
}

/** The words in which problem types are explained. */
export interface ProblemPagesOptions {
  /**
   * Words by language: `{ de: { gone: { title: 'Gibt es nicht mehr' } } }`. `Accept-Language` selects one. English is
   * always there.
   */
  readonly words?: Readonly<Record<string, Readonly<Partial<Record<ConflictKind, ProblemWords>>>>>
}

const EXPECTED = {
  words: {
    holds: (value: unknown) =>
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((each) => Object.keys(each ?? {}).every(isKind)),
    what: `words by language and kind, such as { de: { gone: { title: '…' } } }`,
  },
}

const NEXT: Readonly<Record<Resolution, string>> = {
  refetch: 'Read the resource again, and make the change anew from what is there now.',
  merge: 'Read the resource again, and join your change with what others did.',
  wait: 'Send the same request again later, after Retry-After seconds where the answer says so.',
  'change-request': 'Correct the request. Sent again as it is, it will be refused again.',
  'new-key': 'Send the request with a new Idempotency-Key.',
  none: 'Nothing will help: the answer is final.',
} as Readonly<Record<Resolution, string>>

/**
 * Serves a page for each problem type, so that the URI in `type` can be opened: `app.use('/problems', problemPages())`
 * with `respondToConflicts({ typePrefix: 'https://api.example/problems/' })`. Answers with HTML, or JSON if the client
 * asks for it.
 */
export function problemPages(options: ProblemPagesOptions = {}) {
  checkOptions('problemPages()', options, EXPECTED)
  const { words = {} } = options
  return function problemPagesMiddleware(
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    const [path = '/'] = (req.url ?? '/').split('?', 1)
    const kind = path.replace(/^\/|\/$/g, '')
    if (!isRead || (kind !== '' && !isKind(kind))) {
      next()
      return
    }
    const language = languageOf(req.headers['accept-language'], Object.keys(words))
    const shown = (kind === '' ? KINDS : [kind as ConflictKind]).map((each) => explain(each, words[language]?.[each]))
    const asJson = /\bjson\b/.test(req.headers.accept ?? '') && !/text\/html/.test(req.headers.accept ?? '')
    const body = asJson ? JSON.stringify(kind === '' ? shown : shown[0]) : pageOf(shown, language)
    res.setHeader('Content-Type', asJson ? 'application/json' : 'text/html; charset=utf-8')
    res.setHeader('Content-Language', language)
    res.setHeader('Vary', 'Accept, Accept-Language')
    res.setHeader('Cache-Control', 'max-age=3600')
    res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
    res.setHeader('X-Content-Type-Options', 'nosniff')
    res.setHeader('Content-Length', Buffer.byteLength(body))
    res.end(body)
  }
}

function isKind(name: string): name is ConflictKind {
  return Object.hasOwn(CONFLICTS, name)
}

interface Explained {
  readonly code: ConflictKind
  readonly status: number
  readonly title: string
  readonly retryable: boolean
  readonly resolution: Resolution
  readonly next: string
}

function explain(code: ConflictKind, words: ProblemWords = {}): Explained {
  const { status, title, retryable, resolution } = CONFLICTS[code]
  return { code, status, title: words.title ?? title, retryable, resolution, next: words.next ?? NEXT[resolution] }
}

/** The known language that the client prefers (RFC 9110 §12.5.4), else English. */
function languageOf(field: string | undefined, known: readonly string[]): string {
  const wanted = (field ?? '')
    .split(',', 20)
    .map((part) => {
      const [tag = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
      const q = parameters.find((parameter) => parameter.startsWith('q='))
      return { tag, quality: q === undefined ? 1 : Number(q.slice(2)) }
    })
    .filter(({ quality }) => quality > 0)
    .sort((one, two) => two.quality - one.quality)
  for (const { tag } of wanted) {
    const found = [...known, 'en'].find(
      (each) => tag === each.toLowerCase() || tag.split('-')[0] === each.toLowerCase(),
    )
    if (found !== undefined) return found
  }
  return 'en'
}

function pageOf(explained: readonly Explained[], language: string): string {
  const [first] = explained
  const title = explained.length === 1 && first ? first.title : 'Problem types'
  const parts = explained.map(
    ({ code, status, title: heading, next }) =>
      `<section id="${code}"><h2>${escaped(heading)}</h2><p><code>${code}</code>, ${status}</p><p>${escaped(next)}</p></section>`,
  )
  return `<!doctype html><html lang="${escaped(language)}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><main>${parts.join('')}</main></html>\n`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
