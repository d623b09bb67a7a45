// SPDX-License-Identifier: Apache-2.0
// A request that goes through for one phone alone, with its own method, fields and body; nothing of
// it is kept.
//
// Asio thread. Lives until both sides have ended.
#pragma once

#include <functional>
#include <memory>

#include "provision-proxy/proxy/answers.hh"
#include "provision-proxy/proxy/contract.hh"
#include "provision-proxy/proxy/upload_source.hh"
#include "provision-proxy/proxy/visit.hh"

namespace holdfast::provision {

class Passage final : public UpstreamHandler, public std::enable_shared_from_this<Passage> {
 public:
  // Hears of the final head before the phone does; null: nobody.
  using Heard = std::function<void(const ResponseHead& head)>;
  // The centre did not take it: no answer, or, to what is no HEAD, that of a gateway before it
  // (502, 503, 504). Who has asked for this answers the phone. Null: the phone hears of it.
  using Untaken = std::function<void(std::string_view why, Trouble trouble)>;

  Passage(const FlowContext& context, VisitPtr visit, ForwardReason reason, Heard heard,
          Untaken untaken = nullptr);
  void start();

  void on_interim(const ResponseHead& head) override;
  void on_head(ResponseHead head, BodyFraming framing) override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const UpstreamOutcome& outcome) override;

 private:
  void drop();

  const FlowContext& context_;
  VisitPtr visit_;
  const ForwardReason reason_;
  Heard heard_;
  Untaken untaken_;
  Upstream::Id transfer_ = 0;
  bool answered_ = false;
  std::unique_ptr<UploadSource> upload_;
  std::shared_ptr<PassPipe> pipe_;
  std::shared_ptr<Passage> alive_;  // while the transfer may call us
};

}  // namespace holdfast::provision
