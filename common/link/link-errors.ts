/** How a request ends without a reply; the same for every transport. */
import { OperatingError } from '../errors.ts';

export function linkClosed(): OperatingError {
  return new OperatingError('LINK_CLOSED', 'the link is stopped', {
    retryable: false,
    hint: 'nothing: this part of the program is ending',
  });
}

export function linkTimeout(deadlineMs: number): OperatingError {
  return new OperatingError('LINK_TIMEOUT', `no reply within ${deadlineMs} ms`, {
    retryable: true,
    hint: 'the request is sent again by itself; if this stays, look whether the cloud runs and can be reached',
  });
}
