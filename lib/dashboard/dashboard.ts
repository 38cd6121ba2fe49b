import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MessageBus } from '../contracts/bus'
import { checkOptions } from '../options'
import { PAGE, SCRIPT, STYLE } from './page'
import { ofAllProcesses, ofThisProcess } from './processes'
import { tally } from './tally'

/** What the dashboard shows. */
export interface DashboardOptions {
  /** `'shown'` shows the keys of resources, `'hashed'` a hash of each. Default: `'hashed'`. */
  readonly keys?: 'hashed' | 'shown'
  /**
   * Shows the counts of all processes: `redisBus({ client })` or `postgresBus({ pool })`. Default: only this process.
   */
  readonly bus?: MessageBus
}

/** The middleware of the dashboard. Mount it behind the app's own authorization. */
export interface Dashboard {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  /** Stops counting, and closes the connections of viewers. */
  stop(): void
}

const EXPECTED = {
  keys: { holds: (value: unknown) => value === 'hashed' || value === 'shown', what: "'hashed' or 'shown'" },
  bus: {
    holds: (value: unknown) =>
      typeof value === 'object' && value !== null && ['publish', 'subscribe'].every((name) => name in value),
    what: 'a MessageBus, such as redisBus({ client })',
  },
}

const MOST_VIEWERS = 50
const PAUSE_MS = 1000
const HEARTBEAT_MS = 15_000
/** How often other processes are asked. They go on answering for longer than this. */
const ASK_MS = 5000

/**
 * Shows where requests collide, and which option would have helped: `app.use('/conflicts', onlyAdmins, dashboard())`.
 * It counts from the moment it is created, for all chains of this process, or of all processes with `bus`. It shows no
 * values, and hashes instead of keys by default.
 */
export function dashboard(options: DashboardOptions = {}): Dashboard {
  checkOptions('dashboard()', options, EXPECTED)
  const own = tally(options.keys === 'shown')
  const counts = options.bus ? ofAllProcesses(own, options.bus) : ofThisProcess(own)
  const viewers = new Set<ServerResponse>()
  let timer: NodeJS.Timeout | undefined
  let asking: NodeJS.Timeout | undefined
  const stopAsking = () => {
    clearInterval(asking)
    asking = undefined
  }
  const data = () => JSON.stringify(counts.snapshot())
  const end = counts.onChange(() => {
    if (viewers.size === 0 || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      const text = `data: ${data()}\n\n`
      for (const viewer of viewers) viewer.write(text)
    }, PAUSE_MS).unref()
  })

  function view(res: ServerResponse): void {
    if (viewers.size >= MOST_VIEWERS) {
      res.statusCode = 503
      res.end()
      return
    }
    send(res, 'text/event-stream')
    res.flushHeaders()
    res.write(`data: ${data()}\n\n`)
    viewers.add(res)
    void counts.ask()
    asking ??= setInterval(() => void counts.ask(), ASK_MS).unref()
    const beat = setInterval(() => res.write(':\n\n'), HEARTBEAT_MS).unref()
    res.once('close', () => {
      clearInterval(beat)
      viewers.delete(res)
      if (viewers.size === 0) stopAsking()
    })
  }

  const serve = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void => {
    const [path = '/'] = (req.url ?? '/').split('?', 1)
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      next()
      return
    }
    if (path === '/') {
      const { originalUrl = '/' } = req as { readonly originalUrl?: string }
      // The relative URLs of the page need the slash at the end.
      const [asked = ''] = originalUrl.split('?', 1)
      if (asked.endsWith('/')) send(res, 'text/html; charset=utf-8').end(PAGE)
      else send(res, 'text/plain', 308, { Location: `./${asked.slice(asked.lastIndexOf('/') + 1)}/` }).end()
    } else if (path === '/page.js') send(res, 'text/javascript; charset=utf-8').end(SCRIPT)
    else if (path === '/page.css') send(res, 'text/css; charset=utf-8').end(STYLE)
    else if (path === '/data') void counts.ask().then(() => send(res, 'application/json').end(data()))
    else if (path === '/live' && req.method === 'GET') view(res)
    else next()
  }
  const stop = () => {
    end()
    counts.stop()
    clearTimeout(timer)
    stopAsking()
    for (const viewer of viewers) viewer.end()
  }
  return Object.assign(serve, { stop })
}

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function send(
  res: ServerResponse,
  type: string,
  status = 200,
  more: Readonly<Record<string, string>> = {},
): ServerResponse {
  res.statusCode = status
  const fields = {
    ...{ 'Content-Type': type, 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff' },
    ...{ 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store, no-transform', ...more },
  }
  for (const [name, value] of Object.entries(fields)) res.setHeader(name, value)
  return res
}
