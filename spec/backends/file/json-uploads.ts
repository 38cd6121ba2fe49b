import type { UploadAdapter } from '../../../lib/backends/file'
import type { ResourceAdapter, ResourceState } from '../../../lib/contracts/adapter'
import type { StoredFile } from '../../../lib/contracts/stored-file'

/** Uploads whose bytes are JSON: the values of the kit. */
export function ofJson(uploads: UploadAdapter): ResourceAdapter<unknown> {
  async function valueIn(state: ResourceState<StoredFile> | undefined): Promise<ResourceState<unknown> | undefined> {
    if (state === undefined) return undefined
    const chunks: Buffer[] = []
    for await (const chunk of state.value.open()) chunks.push(chunk)
    return { ...state, value: JSON.parse(Buffer.concat(chunks).toString()) }
  }

  return {
    read: async (key) => valueIn(await uploads.read(key)),
    readVersion: async (key, version) => valueIn(await uploads.readVersion(key, version)),
    async write(key, value, expected) {
      const bytes = Buffer.from(JSON.stringify(value))
      const spool = await uploads.spool()
      try {
        await spool.write(bytes)
        const result = await uploads.write(key, await spool.finish('application/json'), expected)
        if (!result.ok) return { ok: false, current: await valueIn(result.current) }
        return { ok: true, state: { ...result.state, value: JSON.parse(bytes.toString()) } }
      } finally {
        await spool.discard()
      }
    },
    async remove(key, expected) {
      const result = await uploads.remove(key, expected)
      return result.ok ? result : { ok: false, current: await valueIn(result.current) }
    },
  }
}
