/** "In review" for "review", as the form has it. */
export function statusName(status) {
  const option = [...document.getElementById('status').options].find(({ value }) => value === status)
  return option?.text ?? status
}
