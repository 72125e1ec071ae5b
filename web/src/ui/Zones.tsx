let zones: readonly string[] | undefined

/* Browsers list the zones but for UTC. */
function allZones(): readonly string[] {
  zones ??= ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]
  return zones
}

/* What an input with list={id} offers. */
export function Zones({ id }: { id: string }) {
  return (
    <datalist id={id}>
      {allZones().map((zone) => (
        <option key={zone} value={zone} />
      ))}
    </datalist>
  )
}
