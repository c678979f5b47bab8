#!/usr/bin/env node
require('../lib/run.js').run('gatewayd');
