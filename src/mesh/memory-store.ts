/** A KeyValue that forgets: for a host that is open only as long as its joining takes, and for tests. */
import type { KeyValue, KeyValueOperation } from '#store'

export function memoryStore(): KeyValue {
  const map = new Map<string, Uint8Array>()
  const apply = (operation: KeyValueOperation) =>
    operation.type === 'put' ? void map.set(operation.key, operation.value) : void map.delete(operation.key)
  return {
    get: async (key) => map.get(key),
    put: async (key, value) => void map.set(key, value),
    del: async (key) => void map.delete(key),
    batch: async (operations) => operations.forEach(apply),
    async *list({ prefix = '', gt, reverse = false, limit = Number.POSITIVE_INFINITY } = {}) {
      const keys = [...map.keys()]
        .filter((key) => key.startsWith(prefix) && (gt === undefined || key > gt))
        .sort()
      if (reverse) keys.reverse()
      for (const key of keys.slice(0, limit)) yield [key, map.get(key) as Uint8Array]
    },
  }
}
