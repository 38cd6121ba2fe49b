import type { ResourceAdapter } from '../../lib/contracts/adapter'
import type { FaultMoment } from '../../lib/testing'
import { type Cuttable, cuttable } from './leases/cuttable'

/** What carries a change out. A write may have to look first, and Redis is told what to do by the hash of a script. */
const DECIDING = /(?:update|insert|delete)(?: \/\*.*?\*\/)? (?:into |from )?[`"]|evalsha/i

/** A way to a server that breaks before a change gets through, or as soon as another way shows that it was carried out. */
export async function breakable(url: string, other: ResourceAdapter<unknown>, deciding = DECIDING) {
  const way = new URL(url)
  const proxy: Cuttable = await cuttable(Number(way.port))
  way.port = String(proxy.port)

  async function breakWhenChanged(before: string | undefined): Promise<void> {
    void proxy.swallowFrom(deciding)
    for (let tries = 0; tries < 1000; tries++) {
      const seen = await other.read('a')
      if (seen?.version !== before) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await proxy.close()
  }

  return {
    url: way.href,
    async breakAt(when: FaultMoment): Promise<void> {
      const before = await other.read('a')
      if (when === 'before') await proxy.close()
      // Goes on while the change is under way.
      else void breakWhenChanged(before?.version)
    },
  }
}
