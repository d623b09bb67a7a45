// SPDX-License-Identifier: Apache-2.0
// What a Reply holds on to: names of the client and the request, never pointers into the server.
#pragma once

#include <memory>

#include "dataplane/control/server_core.hh"

namespace holdfast::control {

struct Reply::Token {
  Token(std::weak_ptr<ServerCore> server, uint64_t client, uint64_t request)
      : core(std::move(server)), client_id(client), request_id(request) {}
  ~Token();
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  // The server, the first time and while it is there; the request is then no longer pending.
  std::shared_ptr<ServerCore> redeem();

  std::weak_ptr<ServerCore> core;
  uint64_t client_id;
  uint64_t request_id;
  bool answered = false;
};

}  // namespace holdfast::control
