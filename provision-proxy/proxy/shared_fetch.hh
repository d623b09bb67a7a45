// SPDX-License-Identifier: Apache-2.0
// One request to the origin for all who want the same: revalidation or a whole body, judged,
// stored, and sent on as it arrives.
//
// Asio thread. Waits for a head, then either renews what is stored (304), fills the store while it
// streams, holds a body back until it can be judged against the last known good one, or finds that
// the answer is for one request only: the first who waits gets it, the others ask for themselves.
// What the store does not take - it is too large, the disk is full - goes to the phones all the
// same: what is judged first is then held in memory, up to kMaxJudgedBytes.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/phone/plausible.hh"
#include "provision-proxy/proxy/answers.hh"
#include "provision-proxy/proxy/pulse.hh"
#include "provision-proxy/proxy/visit.hh"

namespace holdfast::provision {

// What a fetch asks of the flow.
class FetchOwner {
 public:
  virtual ~FetchOwner() = default;
  // Answers from this entry, or begins anew if its body has gone.
  virtual void serve(const VisitPtr& visit, const EntryPtr& entry, const CacheStatus& status) = 0;
  // The answer that came was not for this request: it asks by itself.
  virtual void ask_alone(const VisitPtr& visit) = 0;
  // Begins anew, as if it came now; after the fetch has ended.
  virtual void again(const VisitPtr& visit) = 0;
  // The origin has answered to credentials for which something is kept.
  virtual void credentials_judged(const Visit& visit, int status) = 0;
  // No new visit may join any more.
  virtual void fetch_closed(const class SharedFetch& fetch) = 0;
};

class SharedFetch final : public UpstreamHandler, public std::enable_shared_from_this<SharedFetch> {
 public:
  // `base`: what is stored and asked about; null: nothing. `reason`: why it is fetched.
  SharedFetch(const FlowContext& context, FetchOwner& owner, VisitPtr first, EntryPtr base,
              ForwardReason reason);

  void start();
  // Others may wait for it too.
  bool joinable() const { return open_; }
  // False: too late, or not for this request.
  bool join(const VisitPtr& visit);
  // A fetch that nobody waits for: the store is renewed behind an answer that was given.
  void forget_visits() { waiting_.clear(); }

  void on_interim(const ResponseHead& head) override;
  void on_head(ResponseHead head, BodyFraming framing) override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const UpstreamOutcome& outcome) override;

 private:
  enum class Mode : uint8_t {
    head,      // nothing has come
    renewed,   // 304: what follows does not matter
    holding,   // the body is held back until it is judged; without a fill in memory alone
    filling,   // the body is stored and followed
    overflow,  // it is followed, and will not be stored
    passing,   // for the first visit alone
    settling,  // complete, and on its way into the store
    done
  };

  // Of a body whose kind shows at its beginning.
  static constexpr size_t kSampleBytes = 4096;

  EntryPtr known_good() const;
  bool may_give_base(Trouble trouble) const;
  std::string target_text() const;
  CacheStatus status(std::string_view detail = {}) const;

  void arm_patience();
  void out_of_patience();
  void not_modified(const ResponseHead& head);
  // `status` for those to whom nothing that is kept may be given.
  void trouble(Trouble trouble, std::string_view detail, int status);
  bool believed_gone();
  // The answer that arrives, or has arrived, is one for this request too, and may be kept.
  bool serves(const Visit& visit) const;
  uint64_t max_bytes() const;
  void begin_fill();
  void begin_passing();
  void hold(std::span<const char> bytes);
  void not_storable(std::span<const char> bytes, StoreError error);
  void pass_on(std::span<const char> bytes);
  void followers_moved();
  void stream_to_waiting();
  void stream_to(const VisitPtr& visit);
  Fields first_fields() const;  // of the answer, for the request that it came for
  static bool judged_whole(JudgeKind kind);
  bool held_to_the_end() const;
  void read_known();
  Plausible judge_now(bool whole) const;
  void judged_bad(std::string_view name, std::string_view text);
  void settle();
  void settle_held();
  void stored(StoreError error, const EntryPtr& entry);
  void drop_transfer();
  void give_base(std::string_view detail);
  void close();

  const FlowContext& context_;
  FetchOwner& owner_;
  const OriginPort& origin_;
  VisitPtr first_;
  EntryPtr base_;
  const ForwardReason reason_;
  std::vector<VisitPtr> waiting_;
  boost::asio::steady_timer patience_;
  Upstream::Id transfer_ = 0;
  std::shared_ptr<SharedFetch> alive_;  // while the transfer may call us
  Mode mode_ = Mode::head;
  bool open_ = true;  // may be joined
  bool out_of_patience_ = false;
  bool hold_whole_ = false;  // until its hash is known
  int64_t request_ms_ = 0, response_ms_ = 0;
  ResponseHead head_;
  Fields kept_;          // of head_, as they are stored
  Fields vary_request_;  // what Vary names, of the first request
  std::optional<uint64_t> size_;
  std::unique_ptr<Fill> fill_;
  std::string sample_;  // the first bytes of the body, for the judge; without a fill all
  std::string known_;   // likewise of the last known good one, if it is large
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  Pulse news_;  // of progress_
  std::shared_ptr<PassPipe> pipe_;
};

}  // namespace holdfast::provision
