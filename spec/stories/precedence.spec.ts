import express from 'express'
import { CONFLICTS, type ConflictKind, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { type Doc, raw } from './app'

const MANY = Array.from({ length: 998 }, () => 'a: 1')
const JSON_TYPE = 'Content-Type: application/json'
const TEXT_TYPE = 'Content-Type: text/plain'
const PATCH_TYPE = 'Content-Type: application/json-patch+json'
const STALE = 'If-Match: "old"'
const MALFORMED = 'If-Match: old'
const DENIED = 'X-Denied: yes'

const VALID = { title: 'first', author: 'Ann', status: 'draft' }
const OTHER = { ...VALID, title: 'second' }
const INVALID = { ...VALID, title: 1 }
const IMMUTABLE = { ...VALID, author: 'Bob' }
const TRANSITION = { ...VALID, status: 'archived' }
const RULE = { ...VALID, title: 'forbidden' }
const HOSTILE = '{"__proto__":{}}'
const json = (value: unknown) => JSON.stringify(value)

/** "1" is a draft, "archived" is frozen, "gone" was removed; nothing else is there. PUT creates nothing. */
async function newsroom() {
  const adapter = memoryAdapter<Doc>({ tombstones: true })
  const first = await adapter.write('1', VALID, null)
  await adapter.write('archived', { ...VALID, status: 'archived' }, null)
  const gone = await adapter.write('gone', VALID, null)
  if (gone.ok) await adapter.remove('gone', gone.state.version)
  const app = express()
  app.use(
    '/articles',
    resourceRouter<Doc>({
      name: 'article',
      adapter: { read: adapter.read, write: adapter.write },
      schema: { type: 'object', properties: { title: { type: 'string' } } },
      immutable: ['/author'],
      lifecycle: {
        field: '/status',
        frozen: ['archived'],
        transitions: { draft: ['review'], review: [], archived: [] },
      },
      allow: (req) => req.headers['x-denied'] === undefined,
      rules: [({ proposed }) => (proposed?.title === 'forbidden' ? { detail: 'Not that title.' } : undefined)],
      preconditions: { required: 'version', versionQuery: 'version' },
      create: ['POST'],
    }),
  )
  app.use(respondToConflicts())
  const current = first.ok ? `If-Match: "${first.state.version}"` : ''
  return { app, adapter, current }
}

type Case = [kind: ConflictKind, other: string, line: string, headers: readonly string[], body?: string]

/** The current tag: known when the app is. */
const CURRENT = 'If-Match: current'

const CASES: Case[] = [
  ['headers_truncated', 'method_not_allowed', 'DELETE /articles/1', MANY],
  ['method_not_allowed', 'unsupported_media_type', 'DELETE /articles/1', [TEXT_TYPE], 'x'],
  ['unsupported_media_type', 'not_found', 'PUT /articles/2', [TEXT_TYPE], 'x'],
  ['unsupported_media_type', 'gone', 'PATCH /articles/gone', [TEXT_TYPE], 'x'],
  ['not_found', 'denied', 'PUT /articles/2', [JSON_TYPE, DENIED], json(VALID)],
  ['gone', 'denied', 'PUT /articles/gone', [JSON_TYPE, DENIED], json(VALID)],
  ['denied', 'frozen', 'PUT /articles/archived', [JSON_TYPE, DENIED], json(VALID)],
  ['frozen', 'malformed_body', 'PUT /articles/archived', [JSON_TYPE], HOSTILE],
  ['frozen', 'malformed_condition', 'PUT /articles/archived', [JSON_TYPE, MALFORMED], json(VALID)],
  ['malformed_body', 'malformed_condition', 'PUT /articles/1', [JSON_TYPE, MALFORMED], HOSTILE],
  ['malformed_body', 'precondition_required', 'PUT /articles/1', [JSON_TYPE], HOSTILE],
  ['malformed_condition', 'schema_invalid', 'PUT /articles/1', [JSON_TYPE, MALFORMED], json(INVALID)],
  ['schema_invalid', 'precondition_required', 'PUT /articles/1', [JSON_TYPE], json(INVALID)],
  ['schema_invalid', 'precondition_failed', 'PUT /articles/1', [JSON_TYPE, STALE], json(INVALID)],
  ['schema_invalid', 'stale_version', 'PUT /articles/1?version=old', [JSON_TYPE], json(INVALID)],
  ['schema_invalid', 'conflicting_conditions', 'PUT /articles/1?version=old', [JSON_TYPE, CURRENT], json(INVALID)],
  ['schema_invalid', 'immutable_field', 'PUT /articles/1', [JSON_TYPE, CURRENT], json({ ...INVALID, author: 'Bob' })],
  ['precondition_required', 'precondition_failed', 'PUT /articles/1', [JSON_TYPE, 'If-None-Match: *'], json(VALID)],
  ['precondition_required', 'immutable_field', 'PUT /articles/1', [JSON_TYPE], json(IMMUTABLE)],
  ['precondition_required', 'patch_failed', 'PATCH /articles/1', [PATCH_TYPE], '[{"op":"remove","path":"/none"}]'],
  ['precondition_failed', 'not_modified', 'GET /articles/1', [STALE, 'If-None-Match: *']],
  ['precondition_failed', 'stale_version', 'PUT /articles/1?version=old', [JSON_TYPE, STALE], json(OTHER)],
  ['precondition_failed', 'patch_failed', 'PATCH /articles/1', [PATCH_TYPE, STALE], '[{"op":"remove","path":"/none"}]'],
  ['precondition_failed', 'schema_invalid', 'PATCH /articles/1', [JSON_TYPE, STALE], '{"title":1}'],
  ['precondition_failed', 'immutable_field', 'PUT /articles/1', [JSON_TYPE, STALE], json(IMMUTABLE)],
  ['precondition_failed', 'transition_not_allowed', 'PUT /articles/1', [JSON_TYPE, STALE], json(TRANSITION)],
  ['precondition_failed', 'rule_violation', 'PUT /articles/1', [JSON_TYPE, STALE], json(RULE)],
  ['stale_version', 'immutable_field', 'PUT /articles/1?version=old', [JSON_TYPE], json(IMMUTABLE)],
  ['stale_version', 'rule_violation', 'PUT /articles/1?version=old', [JSON_TYPE], json(RULE)],
  ['conflicting_conditions', 'immutable_field', 'PUT /articles/1?version=old', [JSON_TYPE, CURRENT], json(IMMUTABLE)],
  [
    'patch_failed',
    'immutable_field',
    'PATCH /articles/1',
    [PATCH_TYPE, CURRENT],
    '[{"op":"replace","path":"/author","value":"Bob"},{"op":"remove","path":"/none"}]',
  ],
  [
    'immutable_field',
    'transition_not_allowed',
    'PUT /articles/1',
    [JSON_TYPE, CURRENT],
    json({ ...TRANSITION, author: 'Bob' }),
  ],
  [
    'transition_not_allowed',
    'rule_violation',
    'PUT /articles/1',
    [JSON_TYPE, CURRENT],
    json({ ...TRANSITION, title: 'forbidden' }),
  ],
  ['rule_violation', 'nothing', 'PUT /articles/1', [JSON_TYPE, CURRENT], json(RULE)],
]

test.each<Case>(CASES)('%s comes before %s: %s', async (kind, _other, line, headers, body = '') => {
  const { app, adapter, current } = await newsroom()
  const lines = headers.map((header) => (header === CURRENT ? current : header))
  const response = await raw(app, [`${line} HTTP/1.1`, ...lines], body)
  expect([response.status, JSON.parse(response.body).code]).toEqual([CONFLICTS[kind].status, kind])
  expect((await adapter.read('1'))?.value).toEqual(VALID)
})
