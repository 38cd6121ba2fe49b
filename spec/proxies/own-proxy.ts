import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pageAt } from '../docs/page'
import { freePort, listens } from '../ports'

export interface OwnProxy {
  readonly url: string
  stop(): Promise<void>
}

const START_MS = 20_000

/** An nginx or Varnish of its own in front of the app on `port`, with the configuration of docs/caches.md. */
export async function ownProxy(name: 'nginx' | 'Varnish', port: number): Promise<OwnProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-proxy-'))
  chmodSync(folder, 0o755)
  const own = await freePort()
  const child = name === 'nginx' ? nginx(folder, own, port) : varnish(folder, own, port)
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  for (const until = Date.now() + START_MS; !(await listens(own)); ) {
    if (Date.now() > until || child.exitCode !== null) throw new Error(`${name} does not listen on ${own}: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url: `http://127.0.0.1:${own}`,
    async stop() {
      if (child.exitCode !== null) return
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the page leaves to the main file. `gzip` acts on requests that ask for it. */
function nginx(folder: string, own: number, port: number): ChildProcess {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${folder}/${each};`,
  )
  const page = block('nginx')
    .replace('/var/cache/nginx/api', join(folder, 'cache'))
    .replace('listen 8080', `listen 127.0.0.1:${own}`)
    .replace('127.0.0.1:3000', `127.0.0.1:${port}`)
  const lines = [
    'load_module /usr/lib/nginx/modules/ngx_http_cache_purge_module.so;',
    ...['daemon off;', 'master_process off;', 'worker_processes 1;', `pid ${folder}/pid;`, 'error_log stderr;'],
    'events { worker_connections 64; }',
    'http { access_log off;',
    ...temporary,
    'gzip on; gzip_types application/json;',
    page,
    '}',
  ]
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, lines.join('\n'))
  return spawn('/usr/sbin/nginx', ['-p', folder, '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
}

function varnish(folder: string, own: number, port: number): ChildProcess {
  const file = join(folder, 'page.vcl')
  writeFileSync(file, block('vcl').replace('"3000"', `"${port}"`))
  const flags = [
    '-F',
    '-a',
    `127.0.0.1:${own}`,
    '-f',
    file,
    '-n',
    join(folder, 'work'),
    '-s',
    'malloc,16m',
    '-j',
    'none',
  ]
  return spawn('/usr/sbin/varnishd', flags, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function block(language: string): string {
  const found = pageAt('docs/caches.md').blocks.find((each) => each.language === language)
  if (!found) throw new Error(`docs/caches.md has no ${language}.`)
  return found.text
}
