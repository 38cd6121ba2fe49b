function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return below + (above - below) * (at - Math.floor(at))
}

const median = (numbers) => quantile(numbers, 0.5)

/** The median, and between which values the middle half of the rounds lies. */
function spread(numbers, digits = 3) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(numbers, share).toFixed(digits))
  return `${middle} (${low}–${high})`
}

module.exports = { median, spread }
