// SPDX-License-Identifier: Apache-2.0
// The [[provision-tftp]] sections: a TFTP server each, whose files are the answers of the request
// flow.
//
// One Asio thread: that which runs the context. Destroy it there, or when nobody runs the context;
// transfers under way end without a word.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"
#include "provision-proxy/config/provision_config.hh"

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

class RequestHandler;

class TftpFronts {
 public:
  // Takes all ports, or says which could not be had. `first_listener`: the number that requests
  // of the first section carry. The handler outlives this.
  static Result<std::unique_ptr<TftpFronts>, std::string> start(
      boost::asio::io_context& io, const std::vector<config::ProvisionTftpConfig>& sections,
      size_t first_listener, RequestHandler& handler);
  ~TftpFronts();
  TftpFronts(const TftpFronts&) = delete;
  TftpFronts& operator=(const TftpFronts&) = delete;

  std::vector<SocketAddress> addresses(size_t section) const;
  // For `holdfast provision status`: an object for each section, with what it has done by name;
  // names that did not happen are left out.
  nlohmann::json document() const;

 private:
  struct Front;
  TftpFronts();
  std::vector<std::unique_ptr<Front>> fronts_;
};

}  // namespace holdfast::provision
