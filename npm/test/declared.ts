// What index.d.ts declares is what the code makes.
import type * as declared from '../gateway/index.js';
import { GatewayError } from '../gateway/lib/error.js';
import { findBinary } from '../gateway/lib/find.js';
import { Gateway } from '../gateway/lib/gateway.js';
import { start, status, stop } from '../gateway/lib/shared.js';

export const made: typeof declared = { Gateway, GatewayError, findBinary, start, status, stop };
