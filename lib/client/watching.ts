import { mergeThreeWay, type ThreeWayOptions } from '../json/three-way'
import type { Seen } from './memory'
import type { Answer, WatchEvent } from './options'
import { ProblemError, refusalOf } from './problem-error'
import { pause, retryDelayMs } from './send-with-retries'

export interface Watching {
  /** The state that the app knows. */
  known(): Seen | undefined
  answered(): Promise<unknown>
  read(): Promise<Answer<unknown>>
  connect(fields: Readonly<Record<string, string>>): Promise<Response>
  listener(event: WatchEvent<never>): void
  readonly merging: ThreeWayOptions
}

/** Watches until the signal is aborted or the resource is removed. Rejects if the server refuses the stream for good. */
export async function watchStream(watching: Watching, signal: AbortSignal): Promise<void> {
  const { known } = watching
  let last = idOf(known())
  for (let attempt = 1; !signal.aborted; attempt++) {
    let retryAfter = ''
    try {
      const response = await watching.connect(last ? { 'Last-Event-ID': last } : {})
      if (!response.ok) throw refusalOf('GET', response, await response.text())
      for await (const { id, event, data } of messagesIn(response)) {
        attempt = 0
        if (id) last = id
        // A change of this client is not reported. Its event may arrive before the answer to the change.
        await watching.answered()
        if (event && !(id && id === idOf(known()))) tell(watching, event, JSON.parse(data ?? '{}'))
        if (event === 'removed') return
      }
    } catch (error) {
      if (error instanceof ProblemError) {
        const { status, problem, headers } = error
        if (status === 404 || status === 410) return tell(watching, 'removed', {})
        if (status < 500 && status !== 429 && !problem.retryable) throw error
        retryAfter = headers.get('Retry-After') ?? ''
      }
      // After a network error it connects again.
    }
    await pause(retryDelayMs(Math.max(attempt, 3), retryAfter, Date.now()), signal).catch(() => {})
  }
}

function tell({ known, read, listener, merging }: Watching, event: string, data: Record<string, unknown>): void {
  const { text } = known() ?? {}
  listener({
    event: event as WatchEvent<never>['event'],
    etag: (data.etag as string | undefined) ?? null,
    data,
    read: read as WatchEvent<never>['read'],
    async merge(mine) {
      const theirs = (await read()) as Answer<never>
      const merged = mergeThreeWay(text ? JSON.parse(text) : undefined, theirs.value, mine, merging)
      return merged.ok
        ? { value: merged.value as never, conflicts: [], theirs }
        : { ...merged, value: undefined, theirs }
    },
  })
}

/** The event id of a state: its tag without quotes. */
function idOf(seen: Seen | undefined): string | undefined {
  return seen?.etag?.replace(/^(W\/)?"|"$/g, '')
}

/** Parses server-sent events (HTML §9.2.6) whose fields have one line each, as our servers send them. */
async function* messagesIn({ body }: Response): AsyncGenerator<Readonly<Record<string, string>>> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done) return
    const blocks = (rest + value).split(/\r?\n\r?\n/)
    rest = blocks.pop() ?? ''
    for (const block of blocks)
      yield Object.fromEntries([...block.matchAll(/^(\w+): ?(.*)$/gm)].map(([, name, text]) => [name, text]))
  }
}
