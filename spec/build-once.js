const { execFileSync } = require('node:child_process')
const { join } = require('node:path')

/** Some specs need what is published. Jest calls this once for all projects that name it, before any of their specs. */
module.exports = function buildOnce() {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: join(__dirname, '..'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}
