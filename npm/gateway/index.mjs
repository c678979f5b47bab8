// One state for both module systems: this only names what the other exports.
import gateway from './index.js';

export const { Gateway, GatewayError, findBinary, start, status, stop } = gateway;
