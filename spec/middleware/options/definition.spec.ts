import {
  defineResource,
  detectConflicts,
  editLocks,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  resourceOf,
} from '../../../lib'

describe('defineResource', () => {
  test('checks the options when the app starts', () => {
    expect(() => defineResource({ nmae: 'article', adapter: memoryAdapter() } as never)).toThrow(
      'defineResource(): there is no option "nmae". Did you mean "name"?',
    )
  })

  test('shows what it was given, which nobody can change any more', () => {
    const adapter = memoryAdapter<{ title: string }>()
    const options = { name: 'article', adapter, immutable: ['/title'] }
    const article = defineResource(options)
    options.immutable = []
    expect([article.name, article.adapter, article.options.immutable]).toEqual(['article', adapter, ['/title']])
  })

  const stores = { store: memoryStore(), owner: () => 'ann' }
  const manager = memoryLocks()
  test.each<[string, object, object]>([
    ['adapter', {}, {}],
    ['lock.manager', { lock: { manager } }, { lock: { manager, waitMs: 5 } }],
    [
      'idempotency.store',
      { idempotency: { store: stores.store, scope: () => 'a' } },
      { idempotency: { store: stores.store, scope: () => 'b' } },
    ],
    ['store of editLocks', { editLocks: editLocks(stores) }, { editLocks: editLocks(stores) }],
  ])('refuses a name that another definition has with the same %s', (what, one, other) => {
    const adapter = memoryAdapter()
    const name = `article of ${what}`
    defineResource({ name, adapter, ...one })
    const again = () => defineResource({ name, adapter: what === 'adapter' ? adapter : memoryAdapter(), ...other })
    expect(again).toThrow(`defineResource(): there is a "${name}" already with the same ${what}.`)
    expect(() => defineResource({ name: `${name} too`, adapter, ...other })).not.toThrow()
  })

  test('lets an app be made twice in one process', () => {
    const made = () => defineResource({ name: 'article', adapter: memoryAdapter(), lock: { manager: memoryLocks() } })
    expect(made()).not.toBe(made())
  })

  test('gives the same definition for the same options, and for a definition', () => {
    const options = { name: 'article', adapter: memoryAdapter() }
    const article = defineResource(options)
    expect([defineResource(options), defineResource(article as never), detectConflicts(options).resource]).toEqual([
      article,
      article,
      article,
    ])
    expect(defineResource(options)).toBe(article)
  })

  test('plain options claim no name', () => {
    const adapter = memoryAdapter()
    for (const _ of [1, 2]) expect(() => detectConflicts({ name: 'article', adapter })).not.toThrow()
  })
})

test.each([undefined, {}, { name: 'article', adapter: memoryAdapter() }, memoryAdapter(), () => undefined])(
  'resourceOf of %p names what it takes',
  (resource) => {
    expect(() => resourceOf({ rawHeaders: [] } as never, resource as never)).toThrow(
      /it is no definition. Give what defineResource\(\) gave, or the chain/,
    )
  },
)
