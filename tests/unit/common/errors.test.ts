import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, EXIT, errorEventOf, OperatingError, stoppedExitCode } from '../../../common/errors.ts';

test('Ctrl-C is exit 130; another signal is the ordinary end of a server, and cuts work short that has an end', () => {
  assert.equal(stoppedExitCode('SIGINT', false), 130);
  assert.equal(stoppedExitCode('SIGINT', true), 130);
  assert.equal(stoppedExitCode('SIGTERM', false), EXIT.ok);
  assert.equal(stoppedExitCode('SIGTERM', true), EXIT.interrupted);
});

test('an error for programs has code, message, hint and the exit code', () => {
  const event = 'error';
  assert.deepEqual(errorEventOf(new ConfigError('bad', 'mend it')), {
    event,
    code: 'CONFIG',
    message: 'bad',
    hint: 'mend it',
    exitCode: 2,
  });
  const damaged = new OperatingError('STORE_DAMAGED', 'broken', { retryable: false, hint: 'look' });
  assert.deepEqual(errorEventOf(damaged), { event, code: 'STORE_DAMAGED', message: 'broken', hint: 'look', exitCode: 1 });
  assert.deepEqual(errorEventOf(new Error('oops')), { event, code: 'INTERNAL', message: 'oops', hint: '', exitCode: 1 });
});
