/** Names what was skipped, at the end, where it is seen: what is not there on this machine is no reason to fail. */
module.exports = class SkippedReporter {
  onRunComplete(_contexts, { testResults }) {
    const names = testResults.flatMap(({ testResults: tests }) =>
      tests.filter(({ status }) => status === 'pending').map(({ fullName }) => fullName),
    )
    // With -t most tests are pending, and nobody wants to read them.
    if (names.length === 0 || process.argv.some((argument) => /^(?:-t|--testNamePattern)/.test(argument))) return
    console.log(
      `\nSkipped, because what they need is not here:\n${[...new Set(names)].map((name) => `  ${name}\n`).join('')}`,
    )
  }
}
