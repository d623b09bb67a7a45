// SPDX-License-Identifier: Apache-2.0
// The B2BUA's outside: listeners, who may do what, where a user is.
#include "lab/b2bua/server.hh"

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace holdfast::lab {

namespace {

constexpr su_duration_t kReapEvery_ms = 500;
// Requests above this would leave over TCP to a peer that asked for UDP.
constexpr unsigned kUdpMtu = 65535;

int64_t now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

int on_outside(Dialog* context, nta_leg_t*, nta_incoming_t* in, const sip_t* sip) {
  const auto* at = reinterpret_cast<const Server::Outside*>(context);
  return at->server->on_request(*at, in, sip);
}

int on_control(Server* server, su_wait_t*, su_wakeup_arg_t*) {
  server->serve_control();
  return 0;
}

int on_signal(Server*, su_wait_t*, su_wakeup_arg_t* context) {
  su_root_break(reinterpret_cast<su_root_t*>(context));
  return 0;
}

void on_timer(Server*, su_timer_t*, Server* server) {
  server->reap();
}

bool is_outside_line(const std::string& user) {
  const bool digits =
      std::all_of(user.begin(), user.end(), [](char c) { return c >= '0' && c <= '9'; });
  return user == "112" || user == "911" || (digits && user.size() > 1 && user.front() == '9');
}

std::string contact_at(const Server::Outside& at, const char* transport) {
  return "<sip:" + at.address + (su_casematch(transport, "tcp") ? ";transport=tcp>" : ">");
}

std::string user_of(const url_t* url) {
  return url->url_user == nullptr ? "" : url->url_user;
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      registrar_(options_.takes_path),
      control_([this](const std::string& line) { return command(line); }) {}

Server::~Server() {
  calls_.clear();
  for (Outside& at : outsides_) {
    nta_leg_destroy(at.leg);
    nta_agent_destroy(at.agent);
  }
  su_timer_destroy(timer_);
  for (const int registration : registrations_) su_root_deregister(root_, registration);
  su_root_destroy(root_);
  su_deinit();
}

std::string Server::open() {
  std::string error = accounts_.load(options_.accounts);
  if (!error.empty()) return error;
  su_init();
  root_ = su_root_create(this);
  if (root_ == nullptr) return "cannot make an event loop";
  for (const std::string& listen : options_.listen) {
    Outside& at = outsides_.emplace_back();
    at.server = this;
    at.address = listen;
    const std::string url = "sip:" + listen;
    at.agent = nta_agent_create(root_, url_text(url.c_str()), nullptr, nullptr, NTATAG_UA(1),
                                NTATAG_UDP_MTU(kUdpMtu), TAG_END());
    if (at.agent == nullptr) return "cannot listen on " + listen + ": " + std::strerror(errno);
    at.leg = nta_leg_tcreate(at.agent, on_outside, reinterpret_cast<Dialog*>(&at),
                             NTATAG_NO_DIALOG(1), TAG_END());
    if (at.leg == nullptr) return "cannot take requests on " + listen;
  }
  if (outsides_.empty()) return "nowhere to listen";
  timer_ = su_timer_create(su_root_task(root_), kReapEvery_ms);
  su_timer_set_for_ever(timer_, on_timer, this);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int stop = signalfd(-1, &signals, SFD_CLOEXEC);
  if (stop < 0 || !watch(stop, on_signal, root_)) return "cannot wait for signals";
  error = control_.open(options_.control);
  if (error.empty() && !watch(control_.fd(), on_control, this)) {
    error = "cannot wait for commands";
  }
  return error;
}

bool Server::watch(int fd, su_wakeup_f callback, void* context) {
  su_wait_t wait[1];
  if (su_wait_create(wait, fd, SU_WAIT_IN) != 0) return false;
  const int registration =
      su_root_register(root_, wait, callback, static_cast<su_wakeup_arg_t*>(context), 0);
  if (registration >= 0) registrations_.push_back(registration);
  return registration >= 0;
}

void Server::run() {
  su_root_run(root_);
}

std::string Server::command(const std::string& line) {
  if (line == "heal") {
    refusing_.reset();
    return "ok";
  }
  constexpr std::string_view kRefuse = "answer-503 ";
  unsigned retry_after_s = 0;
  if (line.starts_with(kRefuse)) {
    const char* from = line.data() + kRefuse.size();
    const auto parsed = std::from_chars(from, line.data() + line.size(), retry_after_s);
    if (parsed.ec == std::errc() && parsed.ptr == line.data() + line.size()) {
      refusing_ = retry_after_s;
      return "ok";
    }
  }
  if (line == "calls") return std::to_string(calls_.size());
  return "error: commands are answer-503 RETRY_AFTER_S, heal, calls";
}

bool Server::refuses(nta_incoming_t* in) {
  if (!refusing_) return false;
  const std::string retry_after = std::to_string(*refusing_);
  nta_incoming_treply(in, SIP_503_SERVICE_UNAVAILABLE,
                      TAG_IF(*refusing_ != 0, SIPTAG_RETRY_AFTER_STR(retry_after.c_str())),
                      TAG_END());
  nta_incoming_destroy(in);
  return true;
}

void Server::reap() {
  std::erase_if(calls_, [](const auto& call) { return call->is_over(); });
}

int Server::on_request(const Outside& at, nta_incoming_t* in, const sip_t* sip) {
  const sip_method_t method = sip->sip_request->rq_method;
  if (method == sip_method_ack) {
    nta_incoming_destroy(in);
    return 0;
  }
  if (refuses(in)) return 0;
  if (sip->sip_to->a_tag != nullptr) return 481;
  switch (method) {
    case sip_method_register:
      return on_register(in, sip);
    case sip_method_invite:
      return on_invite(at, in, sip);
    case sip_method_options:
      return 200;
    case sip_method_cancel:
      return 481;
    default:
      return 405;
  }
}

int Server::on_register(nta_incoming_t* in, const sip_t* sip) {
  const std::string user = user_of(sip->sip_to->a_url);
  if (!accounts_.has(user)) return 403;
  if (!accounts_.shows_password(sip->sip_authorization, user, options_.domain, "REGISTER")) {
    nta_incoming_treply(in, SIP_401_UNAUTHORIZED,
                        SIPTAG_WWW_AUTHENTICATE_STR(accounts_.challenge(options_.domain).c_str()),
                        TAG_END());
    nta_incoming_destroy(in);
    return 0;
  }
  const int status = registrar_.apply(user, sip, now_s());
  if (status != 200) return status;
  std::string contacts;
  for (const RegisteredContact& contact : registrar_.contacts(user, now_s())) {
    contacts += (contacts.empty() ? "<" : ", <") + contact.uri +
                ">;expires=" + std::to_string(contact.expires_s - now_s());
  }
  const bool shows_path = registrar_.takes_path() && sip_has_supported(sip->sip_supported, "path");
  nta_incoming_treply(
      in, SIP_200_OK, TAG_IF(!contacts.empty(), SIPTAG_CONTACT_STR(contacts.c_str())),
      TAG_IF(shows_path && sip->sip_path != nullptr, SIPTAG_PATH(sip->sip_path)), TAG_END());
  nta_incoming_destroy(in);
  return 0;
}

int Server::check_caller(nta_incoming_t* in, const sip_t* sip) const {
  const std::string user = user_of(sip->sip_from->a_url);
  if (accounts_.has(user)) {
    if (accounts_.shows_password(sip->sip_proxy_authorization, user, options_.domain, "INVITE"))
      return 0;
    nta_incoming_treply(in, SIP_407_PROXY_AUTH_REQUIRED,
                        SIPTAG_PROXY_AUTHENTICATE_STR(accounts_.challenge(options_.domain).c_str()),
                        TAG_END());
    return 407;
  }
  // The gateway has no password; it comes through the branch's appliance.
  std::string from =
      sip->sip_via->v_received != nullptr ? sip->sip_via->v_received : sip->sip_via->v_host;
  std::erase_if(from, [](char c) { return c == '[' || c == ']'; });
  const auto& trusted = options_.trusted;
  if (std::find(trusted.begin(), trusted.end(), from) != trusted.end()) return 0;
  nta_incoming_treply(in, SIP_403_FORBIDDEN, TAG_END());
  return 403;
}

int Server::on_invite(const Outside& at, nta_incoming_t* in, const sip_t* sip) {
  const unsigned hops = sip->sip_max_forwards != nullptr
                            ? static_cast<unsigned>(sip->sip_max_forwards->mf_count)
                            : 70;
  if (hops == 0) return 483;
  if (sip->sip_contact == nullptr) return 400;
  if (nta_check_required(in, sip, nullptr, TAG_END()) != 0) {
    nta_incoming_destroy(in);
    return 0;
  }
  if (check_caller(in, sip) != 0) {
    nta_incoming_destroy(in);
    return 0;
  }
  const std::string user = user_of(sip->sip_request->rq_url);
  if (!accounts_.has(user) && !is_outside_line(user)) return 404;
  const std::vector<Destination> found = destinations(user);
  if (found.empty()) return 480;
  if (calls_.size() >= kMaxCalls) return 503;
  char transport[8] = "";
  const url_t* back =
      sip->sip_record_route != nullptr ? sip->sip_record_route->r_url : sip->sip_contact->m_url;
  url_param(back->url_params, "transport", transport, sizeof transport);
  calls_.push_back(
      std::make_unique<Call>([this](nta_incoming_t* request) { return refuses(request); }));
  if (!calls_.back()->start(at.agent, in, sip, contact_at(at, transport), found, hops - 1)) {
    calls_.pop_back();
  }
  return 0;
}

std::vector<Destination> Server::destinations(const std::string& user) {
  if (is_outside_line(user)) return {destination("sip:" + user + "@" + options_.gateway_hop, "")};
  std::vector<Destination> found;
  for (const RegisteredContact& contact : registrar_.contacts(user, now_s())) {
    found.push_back(destination(contact.uri, contact.path));
  }
  return found;
}

// From our address of the next hop's IP version, and to be reached by its transport: what comes
// back takes the same way.
Destination Server::destination(const std::string& uri, const std::string& route) const {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const std::string hop =
      route.empty() ? uri : route.substr(1, route.find('>') - 1);  // routes stand in brackets
  const url_t* url = url_make(home, hop.c_str());
  const bool is_ipv6 = url != nullptr && url->url_host != nullptr && url->url_host[0] == '[';
  char transport[8] = "";
  if (url != nullptr) url_param(url->url_params, "transport", transport, sizeof transport);
  su_home_deinit(home);
  auto from = std::find_if(outsides_.begin(), outsides_.end(), [is_ipv6](const Outside& at) {
    return at.address.starts_with('[') == is_ipv6;
  });
  if (from == outsides_.end()) from = outsides_.begin();
  return {
      .agent = from->agent, .uri = uri, .route = route, .contact = contact_at(*from, transport)};
}

}  // namespace holdfast::lab
