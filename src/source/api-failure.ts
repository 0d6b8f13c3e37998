// What the world does wrong between us and an API server. Everything else that is thrown is a mistake in this program.

/** Something the world did wrong: the request may be tried again. */
export class ApiFailure extends Error {
  /** HTTP status, or the code of a `v1` Status; 0 when there was no answer. */
  readonly status: number;
  /** What the server asked us to wait, in milliseconds; 0 when it did not ask. */
  readonly retryAfterMs: number;
  /** True when nothing listens at the server's address: whoever answers there next may be another one. */
  readonly isRefused: boolean;
  /** True when a connection that was there brought nothing for too long. */
  readonly isSilence: boolean;

  constructor(message: string, details: ApiFailureDetails = {}) {
    super(message, { cause: details.cause });
    this.status = details.status ?? 0;
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.isRefused = details.isRefused ?? false;
    this.isSilence = details.isSilence ?? false;
  }
}

interface ApiFailureDetails {
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly isRefused?: boolean;
  readonly isSilence?: boolean;
  readonly cause?: unknown;
}
