// SPDX-License-Identifier: Apache-2.0
// The centre as a small back-to-back user agent: registrar with digest, calls of two dialogs each.
//
// One thread, the one that runs run(). It believes nothing but a digest, or a trusted address, and
// is made for a lab: a bound on calls, none on the rate of requests.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/b2bua/accounts.hh"
#include "lab/b2bua/call.hh"
#include "lab/b2bua/registrar.hh"
#include "lab/b2bua/sofia.hh"
#include "lab/link/control_socket.hh"

namespace holdfast::lab {

struct ServerOptions {
  std::vector<std::string> listen;   // "198.18.3.10:8060", "[2001:db8:3::10]:8060": UDP and TCP
  std::string domain;                // and realm
  std::string accounts;              // path of the file
  std::string control;               // path of the control socket
  std::string gateway_hop;           // host:port for 9..., 112 and 911
  std::vector<std::string> trusted;  // addresses whose unknown callers need no password
  bool takes_path = true;
};

class Server {
 public:
  static constexpr size_t kMaxCalls = 5000;

  // One listening address. Each has an agent of its own: Sofia's would send to a peer whose URI
  // names no transport from its first address, whatever IP version that is.
  struct Outside {
    Server* server = nullptr;
    std::string address;  // "198.18.3.10:8060"
    nta_agent_t* agent = nullptr;
    nta_leg_t* leg = nullptr;
  };

  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Empty on success, else what stands in the way.
  std::string open();
  // Until SIGTERM or SIGINT.
  void run();

  // A request outside our dialogs.
  int on_request(const Outside& at, nta_incoming_t* in, const sip_t* sip);
  // In the 503 mode answers any request; true if it did.
  bool refuses(nta_incoming_t* in);
  void serve_control() { control_.serve(); }
  void reap();

 private:
  bool watch(int fd, su_wakeup_f callback, void* context);
  std::string command(const std::string& line);
  int on_register(nta_incoming_t* in, const sip_t* sip);
  int on_invite(const Outside& at, nta_incoming_t* in, const sip_t* sip);
  // The caller's status to go on with: 0, or what refuses it.
  int check_caller(nta_incoming_t* in, const sip_t* sip) const;
  std::vector<Destination> destinations(const std::string& user);
  Destination destination(const std::string& uri, const std::string& route) const;

  ServerOptions options_;
  Accounts accounts_;
  Registrar registrar_;
  ControlSocket control_;
  std::optional<unsigned> refusing_;  // the 503 mode, with its Retry-After (0: none)
  std::list<std::unique_ptr<Call>> calls_;
  su_root_t* root_ = nullptr;
  su_timer_t* timer_ = nullptr;
  std::vector<int> registrations_;  // with the event loop
  std::list<Outside> outsides_;
};

}  // namespace holdfast::lab
