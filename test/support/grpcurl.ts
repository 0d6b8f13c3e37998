/** Runs the real grpcurl, the tool people debug gRPC servers with: to its end, or as a stream that stays open. */
import type { Patience } from './eventually.ts';
import { eventually } from './eventually.ts';
import { type Finished, runProcess, startProcess } from './process.ts';
import { grpcurlBinary } from './tools.ts';

/** Runs grpcurl with these arguments. With `stdin`, pass `-d @` so that it reads its messages from there. */
export function grpcurl(args: readonly string[], stdin?: string): Promise<Finished> {
  return runProcess(grpcurlBinary(), args, stdin === undefined ? {} : { stdin });
}

/** Calls a method of a plaintext server with one request and answers all its responses. Throws with what grpcurl says. */
export async function grpcurlCall(port: number, method: string, request: unknown): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await grpcurl(argumentsOf(port, method), JSON.stringify(request));
  if (code !== 0) throw new Error(`grpcurl ${method}: ${stderr}`);
  return messagesIn(stdout);
}

/** A call whose requests are sent one by one, as a client does that answers responses. */
export interface GrpcurlStream {
  send(request: unknown): void;
  /** Waits until there are so many responses in all, and answers them. */
  responses(count: number, patience?: Patience): Promise<readonly unknown[]>;
  stop(): Promise<void>;
}

/** With `only`, that is the one request, as methods want it whose responses alone are a stream. */
export async function openGrpcurlStream(port: number, method: string, only?: unknown): Promise<GrpcurlStream> {
  const input = only === undefined ? { interactive: true } : { stdin: JSON.stringify(only) };
  const child = await startProcess(grpcurlBinary(), argumentsOf(port, method), input);
  return {
    send: (request) => child.write(`${JSON.stringify(request)}\n`),
    responses: (count, patience) =>
      eventually(() => {
        const messages = messagesIn(child.stdout());
        if (messages.length >= count) return messages;
        throw new Error(`${messages.length} of ${count} responses; grpcurl printed: ${child.output()}`);
      }, patience),
    async stop() {
      await child.stop();
    },
  };
}

/** grpcurl ends by itself when the server never does. */
function argumentsOf(port: number, method: string): readonly string[] {
  return ['-plaintext', '-max-time', '20', '-d', '@', `127.0.0.1:${port}`, method];
}

/** Each message is printed over several lines, of which only the first and the last begin with its braces. */
function messagesIn(output: string): readonly unknown[] {
  const texts = output.match(/^\{(?:\}$|[^]*?^\}$)/gm) ?? [];
  return texts.map((text): unknown => JSON.parse(text));
}
