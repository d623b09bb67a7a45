// SPDX-License-Identifier: Apache-2.0
// Saves bindings by their version.
#include "control/daemon/bindings_keeper.hh"

namespace holdfast::daemon {

BindingsKeeper::BindingsKeeper(sip::Loop& loop, const sip::Proxy& proxy, Sink sink)
    : loop_(loop), proxy_(proxy), sink_(std::move(sink)), saved_(proxy.bindings_version()) {
  wait();
}

BindingsKeeper::~BindingsKeeper() {
  loop_.cancel(timer_);
}

void BindingsKeeper::save() {
  const uint64_t version = proxy_.bindings_version();
  if (version == saved_) return;
  if (sink_(store::BindingsItem{proxy_.save_bindings()})) saved_ = version;
}

void BindingsKeeper::wait() {
  timer_ = loop_.after(kEveryMs, [this] {
    save();
    wait();
  });
}

}  // namespace holdfast::daemon
