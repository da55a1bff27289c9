/** Posts JSON to a configured URL. Redirects are not followed: the URL itself is often the secret. */
const timeoutMs = 10_000;

/** Throws when the receiver does not answer with a 2xx status in time; the message never holds the URL. */
export async function postJson(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : 'no answer';
    throw new Error(`the receiver could not be reached: ${cause}`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the receiver answered ${response.status}`);
}
