/** The operator's verbs, each from the part that does it. */

import type { Invites } from '../admission/invites.ts'
import type { Operator } from '../interface.ts'
import type { Authority } from './authority.ts'
import type { Renewal } from './renewal.ts'

export function operatorOf(parts: { authority: Authority; renewal: Renewal; invites: Invites }): Operator {
  const { authority, renewal, invites } = parts
  return {
    revoke: (who, reason) => authority.revoke(who, reason),
    keys: () => authority.keys(),
    installKey: () => authority.install(),
    useKey: (id, force) => authority.use(id, force),
    removeKey: (id, atOnce) => authority.remove(id, atOnce),
    renew: () => renewal.renew(),
    renewIssuer: (passphrase) => renewal.renewIssuer(passphrase),
    applications: () => invites.applications(),
    approve: (fingerprint) => invites.approve(fingerprint),
  }
}
