// SPDX-License-Identifier: Apache-2.0
// The calls that are anchored, by their keys.
#include "sip/anchor/media_anchor.hh"

#include <utility>

#include "sip/anchor/call_media.hh"
#include "sip/anchor/passing_keys.hh"

namespace holdfast::sip {
namespace {

// A call without streams that says nothing: a message of a call that had ended made it, or one
// that went unanchored and whose end we were not told.
constexpr uint32_t kSweepMs = 60'000;
constexpr uint64_t kForgottenMs = 600'000;
constexpr uint64_t kUnanchoredMs = 4 * 3'600'000;

TableConfig table_config(const AnchorConfig& config) {
  constexpr uint32_t kMsPerS = 1000;
  TableConfig table;
  table.socket_path = config.socket_path;
  table.answer_timeout_ms = config.answer_timeout_ms;
  table.media_timeout_ms = config.media_timeout_s * kMsPerS;
  table.hold_timeout_ms = config.hold_timeout_s * kMsPerS;
  table.one_way_ms = config.one_way_s * kMsPerS;
  table.poll_ms = config.poll_s * kMsPerS;
  return table;
}

}  // namespace

class MediaAnchor::Core {
 public:
  Core(Loop& loop, AnchorConfig config, Logger logger)
      : config_(std::move(config)),
        logger_(std::move(logger)),
        offers_(config_.offers_directory),
        streams_(loop, table_config(config_), counts_, logger_),
        parts_{config_, loop, streams_, offers_, counts_, logger_, {}} {
    if (!offers_.problem().empty())
      logger_(LogLevel::warning,
              "media: offers are not known again after a restart: " + offers_.problem());
    streams_.on_abandoned([this](uint64_t key) { call_ended(key, [](const auto&) {}); });
    sweep_timer_ = loop.after(kSweepMs, [this] { sweep(); });
  }
  ~Core() { parts_.loop.cancel(sweep_timer_); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void message(const MediaMessage& message, std::function<void(MediaVerdict)> done);
  void dialog_ended(uint64_t call_key, const std::string& callee_tag);
  void call_ended(uint64_t call_key, std::function<void(std::vector<control::CallReport>)> done);
  void on_unanchored(std::function<void(uint64_t)> unanchored) {
    parts_.unanchored = std::move(unanchored);
  }
  AnchorSnapshot snapshot() const;
  StreamTable& streams() { return streams_; }
  const StreamTable& streams() const { return streams_; }

 private:
  bool begins_here(const MediaMessage& message) const;
  void take(const MediaMessage& message, std::function<void(MediaVerdict)> done);
  void sweep();

  AnchorConfig config_;
  Logger logger_;
  AnchorCounts counts_;
  OfferFiles offers_;
  std::map<uint64_t, std::shared_ptr<CallMedia>> calls_;
  StreamTable streams_;  // goes first: nothing calls back into calls any more
  AnchorParts parts_;
  Loop::Handle sweep_timer_ = 0;
};

// Whether a message of an unknown call is the first of it here: an offer, or anything with SDP of
// a call from before we started. An answer to nothing passes: its offer did, before a restart.
bool MediaAnchor::Core::begins_here(const MediaMessage& message) const {
  if (message.status == 0 && message.method == Method::invite) return true;
  if (message.body.empty() || message.status >= 300) return false;
  const bool request = message.status == 0 && message.method != Method::ack;
  return request || !streams_.of_call(message.call_key).empty() ||
         offers_.has(message.call_key, kept_name(message));
}

// Of a call that we do not know yet, what the dataplane has of it must be known first.
void MediaAnchor::Core::message(const MediaMessage& message,
                                std::function<void(MediaVerdict)> done) {
  const bool must_wait = message.from_before && message.status < 300 && !message.body.empty() &&
                         !calls_.contains(message.call_key);
  if (!must_wait) return take(message, std::move(done));
  streams_.when_up([this, message, done = std::move(done)](bool up) {
    const bool was_ours =
        message.branch.empty() || offers_.has(message.call_key, kept_name(message));
    if (up || !was_ours) return take(message, done);
    counts_.add(AnchorCounter::answers_put_off);
    done({MediaVerdict::Kind::later, {}, 503, "dataplane_away"});
  });
}

void MediaAnchor::Core::take(const MediaMessage& message, std::function<void(MediaVerdict)> done) {
  auto found = calls_.find(message.call_key);
  if (found == calls_.end()) {
    const bool invite = message.method == Method::invite && message.status == 0;
    if (!begins_here(message)) return done(pass_by(message, config_.media, counts_));
    // Calls for help go on beyond it, as in the proxy's own table, and are bounded all the same.
    const size_t most = message.emergency ? 2 * config_.max_calls : config_.max_calls;
    if (calls_.size() >= most) {
      counts_.add(AnchorCounter::calls_full);
      if (!invite || !config_.refuse_without_legs)
        return done(pass_by(message, config_.media, counts_));
      return done({MediaVerdict::Kind::refuse, {}, 503, "calls_full"});
    }
    const auto call = std::make_shared<CallMedia>(parts_, message.call_key, message.caller_tag);
    found = calls_.emplace(message.call_key, call).first;
  }
  const std::shared_ptr<CallMedia> call = found->second;
  call->message(message, std::move(done));
}

void MediaAnchor::Core::dialog_ended(uint64_t call_key, const std::string& callee_tag) {
  const auto found = calls_.find(call_key);
  if (found == calls_.end()) return;
  const std::shared_ptr<CallMedia> call = found->second;
  call->dialog_ended(callee_tag);
}

void MediaAnchor::Core::call_ended(uint64_t call_key,
                                   std::function<void(std::vector<control::CallReport>)> done) {
  offers_.forget(call_key);
  std::shared_ptr<CallMedia> call;
  const auto found = calls_.find(call_key);
  if (found != calls_.end()) {
    call = found->second;
    calls_.erase(found);  // it lives until its tasks are done
  } else if (streams_.of_call(call_key).empty()) {
    return done({});
  } else {
    call = std::make_shared<CallMedia>(parts_, call_key, std::string());
  }
  call->call_ended(std::move(done));
}

void MediaAnchor::Core::sweep() {
  const uint64_t now = parts_.loop.now_ms();
  std::erase_if(calls_, [now](const auto& each) {
    const CallMedia& call = *each.second;
    const uint64_t kept = call.unanchored() ? kUnanchoredMs : kForgottenMs;
    return call.idle() && now - call.said_ms() >= kept;
  });
  sweep_timer_ = parts_.loop.after(kSweepMs, [this] { sweep(); });
}

AnchorSnapshot MediaAnchor::Core::snapshot() const {
  AnchorSnapshot out;
  streams_.describe(out);
  for (const auto& [key, call] : calls_) {
    out.calls_anchored += call->anchored();
    out.calls_unanchored += call->unanchored();
    out.messages_waiting += call->waiting();
  }
  out.counters = counts_.all();
  return out;
}

MediaAnchor::MediaAnchor(Loop& loop, AnchorConfig config, Logger logger)
    : core_(std::make_unique<Core>(loop, std::move(config), std::move(logger))) {}
MediaAnchor::~MediaAnchor() = default;

void MediaAnchor::message(const MediaMessage& message, std::function<void(MediaVerdict)> done) {
  core_->message(message, std::move(done));
}

void MediaAnchor::dialog_ended(uint64_t call_key, const std::string& caller_tag,
                               const std::string& callee_tag) {
  (void)caller_tag;  // the call's own, which its first message brought
  core_->dialog_ended(call_key, callee_tag);
}

void MediaAnchor::call_ended(uint64_t call_key,
                             std::function<void(std::vector<control::CallReport>)> done) {
  core_->call_ended(call_key, std::move(done));
}

void MediaAnchor::on_silence(std::function<void(uint64_t call_key)> silent) {
  core_->streams().on_silence(std::move(silent));
}

void MediaAnchor::on_one_way(OneWay one_way) {
  core_->streams().on_one_way(std::move(one_way));
}

void MediaAnchor::on_unanchored(std::function<void(uint64_t call_key)> unanchored) {
  core_->on_unanchored(std::move(unanchored));
}

AnchorSnapshot MediaAnchor::snapshot() const {
  return core_->snapshot();
}

void MediaAnchor::dataplane_status(StatusDone done) {
  core_->streams().client().status([done = std::move(done)](auto answer) {
    if (!answer) return done(answer.error().message);
    done(std::move(answer).value());
  });
}

void MediaAnchor::dataplane_minutes(const control::MinuteList& page, MinutesDone done) {
  core_->streams().client().minutes(page, [done = std::move(done)](auto answer) {
    if (!answer) return done(answer.error().message);
    done(std::move(answer).value());
  });
}

const std::vector<control::CallReport>& MediaAnchor::last_list() const {
  return core_->streams().last_list();
}

std::optional<uint64_t> call_key_of_stream(std::string_view name) {
  const auto parsed = parse_stream_name(name);
  if (!parsed) return std::nullopt;
  return parsed->call_key;
}

}  // namespace holdfast::sip
