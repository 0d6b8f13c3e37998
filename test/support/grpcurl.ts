/** Runs the real grpcurl, the tool people debug gRPC servers with. */
import { type Finished, runProcess } from './process.ts';
import { grpcurlBinary } from './tools.ts';

/** Runs grpcurl with these arguments. With `stdin`, pass `-d @` so that it reads its messages from there. */
export function grpcurl(args: readonly string[], stdin?: string): Promise<Finished> {
  return runProcess(grpcurlBinary(), args, stdin === undefined ? {} : { stdin });
}
