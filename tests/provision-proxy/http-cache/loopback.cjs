// SPDX-License-Identifier: Apache-2.0
// Preloaded into the suite's server, which would listen on every address of this machine: on loopback alone.
const net = require('node:net')

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port, host: '127.0.0.1' }, ...rest)
}
