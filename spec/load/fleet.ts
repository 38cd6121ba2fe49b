import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Ready } from './server'
import type { StoreName } from './stores'

export interface AppOfFleet {
  readonly store: StoreName
  readonly at: string
  readonly deadlineMs: number
  readonly flaw?: string | undefined
  /** A process ended that nobody killed. */
  readonly onCrash: (code: number | null) => void
}

/** Processes of one app. */
export interface Fleet {
  /** Where the process of this place listens; it changes when the process is replaced. */
  portOf(place: number): number
  readonly size: number
  /** SIGKILL for one, and another one in its place. */
  replace(place: number): Promise<void>
  end(): void
}

export async function startFleet(size: number, app: AppOfFleet): Promise<Fleet> {
  const { store, at, deadlineMs, flaw = '', onCrash } = app
  const children: ChildProcess[] = []
  const ports: number[] = []

  async function start(place: number): Promise<void> {
    const child = fork(join(__dirname, 'server.ts'), [store, at, String(deadlineMs), flaw], {
      execArgv: ['-r', join(__dirname, '../ts-hook.js')],
    })
    children[place] = child
    child.once('exit', (code, signal) => signal === null && onCrash(code))
    ports[place] = await new Promise<number>((resolve, reject) => {
      child.once('message', ({ port }: Ready) => resolve(port))
      child.once('exit', (code) => reject(new Error(`A server of ${store} ended with ${code} before it listened.`)))
    })
  }

  await Promise.all(Array.from({ length: size }, (_, place) => start(place)))
  return {
    size,
    portOf: (place) => ports[place] ?? 0,
    async replace(place) {
      const old = children[place]
      if (old && old.exitCode === null && old.signalCode === null) {
        const exited = new Promise((resolve) => old.once('exit', resolve))
        old.kill('SIGKILL')
        await exited
      }
      // Killed by the end of the trial meanwhile: nobody needs it.
      await start(place).catch(() => undefined)
    },
    end() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}
