// Whether the newsroom answers. Once it does not, it is asked until it does.

const EVERY_MS = 2000
const waiting = new Set()

/** Calls back once, when the newsroom has answered again. */
export function whenReachable(listener) {
  if (waiting.size === 0) setTimeout(look, EVERY_MS)
  waiting.add(listener)
}

async function look() {
  const answers = await fetch('articles', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(EVERY_MS) })
    .then(({ ok }) => ok)
    .catch(() => false)
  if (!answers) return setTimeout(look, EVERY_MS)
  const told = [...waiting]
  waiting.clear()
  for (const listener of told) listener()
}
