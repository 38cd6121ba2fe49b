import { type Client, createClient, mergeDisjoint, ProblemError, type Resolver } from 'express-conflict/client'

interface Note {
  text: string
  theirs?: boolean
}

const url = `${process.argv[2]}/notes/1`
const client: Client = createClient({ resolve: mergeDisjoint() })

async function main(): Promise<void> {
  await client.put<Note>(url, { text: 'first' })
  const others = createClient()
  await others.get<Note>(url)
  const resolve: Resolver<Note> = ({ theirs, mine, conflicts }) =>
    conflicts.length === 0 ? { ...theirs, text: mine.text } : undefined
  const { value } = await client.update<Note>(
    url,
    async (note) => {
      await others.patch(url, { theirs: true })
      return { ...note, text: 'mine' }
    },
    { resolve },
  )
  const text: string = value.text
  console.log(JSON.stringify({ ...value, text }))
}

main().catch((error: unknown) => {
  if (error instanceof ProblemError) console.error(error.problem.code)
  throw error
})
