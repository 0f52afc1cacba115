/** How a program shows its token to a cloud server that demands one. */

export const TOKEN_REMEDY =
  'give its token by FOGLINE_DASHBOARD_TOKEN, or --set dashboard.token=file:PATH; one is made by: fogline token new';

/** @param token empty for none */
export function bearer(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
