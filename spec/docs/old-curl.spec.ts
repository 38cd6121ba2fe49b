import { PAGES, pageAt } from './page'

/** Options of curl that came after 7.68, which some of the systems that are in use still have. */
const NEW = /%header\{|%output\{|%\{header_json\}|--json\b|--fail-with-body|--url-query|--variable|--etag-/

test('what the pages send works on any curl', () => {
  const scripts = PAGES.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language === 'sh').map(({ text, line }) => [`${path}:${line}`, text] as const),
  )
  expect(scripts.filter(([, text]) => NEW.test(text)).map(([place]) => place)).toEqual([])
  expect(scripts.some(([, text]) => text.includes('curl'))).toBe(true)
})

test('the routes of the README stand behind the chain, the GET too, and each change hands over the new tag', () => {
  const code = pageAt('README.md').blocks.find(({ text }) => text.includes("writes: 'by-app'"))?.text ?? ''
  const [, routes = ''] = code.split("app.use('/articles', articles)")
  for (const method of ['get', 'post', 'put', 'patch', 'delete']) expect(routes).toContain(`app.${method}(`)
  expect(routes.match(/written\(/g)?.length).toBeGreaterThanOrEqual(3)
})
