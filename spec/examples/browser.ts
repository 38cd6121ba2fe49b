import { existsSync } from 'node:fs'
import { type Browser, chromium as driver } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const chromium = [process.env.CHROMIUM_PATH, ...PLACES].find((path) => path !== undefined && existsSync(path))
const isNeeded = process.env.CONFLICT_SERVICES === 'required'

/** Specs that need a browser; skipped, and named so, where there is none. */
export function describeInBrowser(name: string, specs: () => void): void {
  if (chromium !== undefined || isNeeded) describe(name, specs)
  else describe.skip(`${name} (no Chromium found)`, specs)
}

export async function launch(): Promise<Browser> {
  if (chromium === undefined) throw new Error('No Chromium found; set CHROMIUM_PATH.')
  return driver.launch({ executablePath: chromium, args: FLAGS })
}
