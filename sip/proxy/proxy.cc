// SPDX-License-Identifier: Apache-2.0
// The proxy's face.
#include "sip/proxy/proxy.hh"

#include <utility>

#include "sip/proxy/proxy_core.hh"
#include "sip/proxy/proxy_owned.hh"

namespace holdfast::sip {

Proxy::Proxy(Loop& loop, ProxyConfig config, MediaFilter* media, CallEvents* events, Logger logger)
    : core_(std::make_unique<Core>(loop, std::move(config), media, events, std::move(logger))) {}

Proxy::~Proxy() = default;

std::optional<StartError> Proxy::start() {
  return core_->start();
}
const std::vector<Listener>& Proxy::listeners() const {
  return core_->listeners();
}
void Proxy::set_upstreams(const std::vector<Upstream>& upstreams) {
  core_->set_upstreams(upstreams);
}
void Proxy::set_names(std::vector<ResolvedName> names) {
  core_->set_names(std::move(names));
}
void Proxy::drain(bool on) {
  core_->drain(on);
}
bool Proxy::is_drained() const {
  return core_->is_drained();
}
std::string Proxy::reload_certificates() {
  return core_->reload_certificates();
}
std::vector<SavedBinding> Proxy::save_bindings() const {
  return core_->save_bindings();
}
void Proxy::load_bindings(const std::vector<SavedBinding>& saved) {
  core_->load_bindings(saved);
}
uint64_t Proxy::bindings_version() const {
  return core_->bindings_version();
}
void Proxy::adopt_calls(const std::vector<LiveCall>& listed) {
  core_->adopt_calls(listed);
}
ProxySnapshot Proxy::snapshot() const {
  return core_->snapshot();
}

}  // namespace holdfast::sip
