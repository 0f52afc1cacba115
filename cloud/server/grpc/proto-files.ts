/** The files that clients make their code of, by the name that they import them by. */
import { fileURLToPath } from 'node:url';

export const PROTO_DIR = fileURLToPath(new URL('./proto', import.meta.url));

/** What others may ask for; google/rpc/status.proto comes with every gRPC library. */
export const PROTO_NAMES = ['meterusage.proto', 'fogline/v1/fogline.proto'] as const;
