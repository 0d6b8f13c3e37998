/** The wish to end, as the terminal, a process manager or Kubernetes tells it. */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One Ctrl-C can arrive twice, from the terminal and passed on by npm: only a later one means impatience. */
const impatientAfterMs = 1000;

export interface StopSignal {
  readonly received: Promise<void>;
  /** Aborted from then on, for what waits for other things meanwhile. */
  readonly signal: AbortSignal;
  /** Gives the signals back their meaning for the process. */
  readonly release: () => void;
}

/** Listens until released. A second signal ends the process at once, with what is registered on its `exit`. */
export function listenForStop(): StopSignal {
  let first: number | undefined;
  const controller = new AbortController();
  const received = new Promise<void>((fulfil) => {
    controller.signal.addEventListener('abort', () => fulfil());
  });
  const onSignal = () => {
    const now = performance.now();
    if (first !== undefined && now - first > impatientAfterMs) process.exit(1);
    first ??= now;
    controller.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    received,
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
