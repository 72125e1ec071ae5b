import { formatJson } from './json'

/** RFC 7396: the patch that makes after of before; what is gone is null. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) {
    return after
  }
  const patch: [string, unknown][] = Object.keys(before)
    .filter((key) => !(key in after))
    .map((key) => [key, null])
  for (const [key, value] of Object.entries(after)) {
    if (!(key in before) || formatJson(before[key]) !== formatJson(value)) {
      patch.push([key, key in before ? mergePatchOf(before[key], value) : value])
    }
  }
  return Object.fromEntries(patch)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
