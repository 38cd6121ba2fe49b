import { createClient, mergeDisjoint } from 'express-conflict/client'

const url = `${process.argv[2]}/notes/1`
const others = createClient()

async function main() {
  const client = createClient()
  await client.put(url, { text: 'first' })
  await others.get(url)
  const { value } = await client.update(
    url,
    async (note) => {
      if (!note.theirs) await others.patch(url, { theirs: true })
      return { ...note, text: 'mine' }
    },
    { resolve: mergeDisjoint() },
  )
  console.log(JSON.stringify(value))
}

void main()
