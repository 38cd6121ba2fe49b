const { articles } = require('./articles')

const FIRST_ARTICLES = [
  {
    id: 'harbour-bridge',
    title: 'Harbour bridge closes for a year',
    teaser: 'From April on there is no way across the river but the old tunnel.',
    body: `The harbour bridge will be closed to all traffic from 1 April, the city announced on Monday.

Engineers had found cracks in two of its nine piers during a routine inspection in autumn.

Buses are to use the old tunnel, which will be closed to private cars between six and nine in the morning.`,
    author: 'Mara Lindholm',
    status: 'draft',
  },
  {
    id: 'night-trains',
    title: 'Night trains return to the north',
    teaser: 'Six cities get a connection again after eleven years.',
    body: `The first night train to the north in eleven years leaves on Sunday at 21:40.

It is sold out until the middle of June.`,
    author: 'Jonas Okafor',
    status: 'review',
  },
  {
    id: 'city-budget',
    title: 'City budget passes by one vote',
    teaser: 'Libraries keep their hours, swimming gets dearer.',
    body: `After nine hours of debate the council passed the budget with 31 votes to 30.

The libraries keep their opening hours. A ticket for the swimming pool will cost a third more.`,
    author: 'Mara Lindholm',
    status: 'published',
  },
]

/** Stores the first articles, where nothing was before. A version of `null` says so; `true` when that was so for all. */
async function seed() {
  const now = Date.now()
  let isNew = true
  for (const [index, article] of FIRST_ARTICLES.entries()) {
    const createdAt = new Date(now + index).toISOString()
    const { ok } = await articles.write(article.id, { ...article, editedBy: article.author, createdAt }, null)
    isNew &&= ok
  }
  return isNew
}

module.exports = { seed }
