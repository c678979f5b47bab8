const { GatewayError } = require('./lib/error.js');
const { findBinary } = require('./lib/find.js');
const { Gateway } = require('./lib/gateway.js');
const { start, status, stop } = require('./lib/shared.js');

module.exports = { Gateway, GatewayError, findBinary, start, status, stop };
