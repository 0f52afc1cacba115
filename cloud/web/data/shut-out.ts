/** A stream does not say why it broke. Was it the end of the session, the page has nothing more to show: it asks for the token. */
const LOGIN_PATH = '/login';
const ASKED_PATH = '/api/v1/edges';
const UNAUTHORIZED = 401;

export function leaveWhenShutOut(): void {
  const asked = fetch(ASKED_PATH, { method: 'HEAD' }).then(
    ({ status }) => status === UNAUTHORIZED,
    () => false,
  );
  void asked.then((isShutOut) => isShutOut && location.assign(LOGIN_PATH));
}
