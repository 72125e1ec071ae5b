import { isEmail, isPhone } from '../settings/validate'
import { strings } from '../strings'

/* What is wrong with an address of a channel; undefined: nothing. */
export function addressFault(channel: string, address: string): string | undefined {
  if (channel === 'sms') {
    return isPhone(address) ? undefined : strings.suppressions.phoneFault
  }
  return isEmail(address) ? undefined : strings.suppressions.emailFault
}
