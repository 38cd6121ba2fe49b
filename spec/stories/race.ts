import express from 'express'
import type request from 'supertest'
import type { Response, Test } from 'supertest'
import {
  type ConflictOptions,
  type MemoryAdapter,
  memoryAdapter,
  type ResourceAdapter,
  resourceRouter,
  respondToConflicts,
} from '../../lib'

export interface Note {
  id: string
  title: string
  body?: string
}

type Step = 'read' | 'write' | 'remove'

/** The adapter, with a place to stop at before each of its steps. */
export interface GatedAdapter extends ResourceAdapter<Note> {
  /** Runs once, before the next call of the step goes on. */
  stopBefore(step: Step, meanwhile: () => Promise<unknown>): void
  /** How often each step was taken. */
  readonly calls: Record<Step, number>
  /** Behind the gate: what others do. */
  readonly inner: MemoryAdapter<Note>
}

export function gatedAdapter(options: { tombstones?: boolean; now?: () => number } = {}): GatedAdapter {
  const inner = memoryAdapter<Note>(options)
  const calls = { read: 0, write: 0, remove: 0 }
  const stops: { step: Step; meanwhile: () => Promise<unknown> }[] = []
  async function pass(step: Step): Promise<void> {
    calls[step]++
    const index = stops.findIndex((stop) => stop.step === step)
    if (index >= 0) await stops.splice(index, 1)[0]!.meanwhile()
  }
  return {
    inner,
    calls,
    stopBefore: (step, meanwhile) => stops.push({ step, meanwhile }),
    read: (key) => pass('read').then(() => inner.read(key)),
    write: (key, value, expected) => pass('write').then(() => inner.write(key, value, expected)),
    remove: (key, expected) => pass('remove').then(() => inner.remove(key, expected)),
  }
}

export function noteApp(adapter: ResourceAdapter<Note>, options: Partial<ConflictOptions<Note>> = {}) {
  const app = express()
  app.use('/notes', resourceRouter({ name: 'note', adapter, keyPointer: '/id', ...options }))
  app.use(respondToConflicts())
  return app
}

/** What of an answer may not depend on timing: all but ids and the random part of versions. */
export function essence(response: Response, version: string): object {
  const [prefix = ''] = version.split('.')
  const shown = ['etag', 'location', 'content-type', 'cache-control', 'allow', 'last-modified']
  const headers = Object.fromEntries(shown.map((name) => [name, response.headers[name]?.replaceAll(prefix, 'V')]))
  const text = response.text.replaceAll(prefix, 'V').replace(/urn:uuid:[0-9a-f-]+/, 'urn:uuid:x')
  return { status: response.status, headers, text }
}

export type Send = (agent: ReturnType<typeof request>) => Test
