// SPDX-License-Identifier: Apache-2.0
// The sender's side of a read.
#include "provision-proxy/tftp/transfer.hh"

#include <algorithm>
#include <utility>

#include "provision-proxy/tftp/netascii.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, text) #name,
    HOLDFAST_TFTP_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_TFTP_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr uint64_t kNever = ~uint64_t{0};

}  // namespace

std::string_view name_of(TftpEnd end) {
  return end < TftpEnd::count ? kNames[static_cast<size_t>(end)] : "";
}
std::string_view text_of(TftpEnd end) {
  return end < TftpEnd::count ? kTexts[static_cast<size_t>(end)] : "";
}

TftpTransfer::TftpTransfer(uint64_t now_ms, TftpMode mode, const TftpOptions& granted,
                           std::optional<uint64_t> file_bytes, const TftpTimes& times)
    : block_bytes_(granted.block_bytes.value_or(kTftpDefaultBlockBytes)),
      window_(granted.window_blocks.value_or(1)),
      mode_(mode),
      times_(times),
      timeout_named_(granted.timeout_s.has_value()),
      file_bytes_(file_bytes),
      oack_(granted.none() ? std::string() : tftp_oack(granted)),
      end_ms_(now_ms + times.max_transfer_ms),
      oack_acked_(oack_.empty()),
      oack_due_(!oack_.empty()),
      timeout_ms_(granted.timeout_s ? *granted.timeout_s * 1000 : times.timeout_ms) {}

bool TftpTransfer::wants_bytes() const {
  return !end_ && !supply_ended_ && held() < 2 * window_ * block_bytes_;
}

void TftpTransfer::supply(std::span<const char> bytes) {
  if (end_ || supply_ended_) return;
  supplied_ += bytes.size();
  if (file_bytes_ && supplied_ > *file_bytes_)
    return finish(TftpEnd::size_differs, TftpErrorCode::undefined, "the file has changed");
  buffer_.erase(0, buffer_start_);
  buffer_start_ = 0;
  if (mode_ == TftpMode::netascii) {
    append_netascii(buffer_, bytes);
  } else {
    buffer_.append(bytes.data(), bytes.size());
  }
}

void TftpTransfer::supply_end() {
  if (end_ || supply_ended_) return;
  if (file_bytes_ && supplied_ != *file_bytes_)
    return finish(TftpEnd::size_differs, TftpErrorCode::undefined, "the file has changed");
  supply_ended_ = true;
}

void TftpTransfer::supply_failed() {
  if (end_ || supply_ended_) return;
  finish(TftpEnd::source_failed, TftpErrorCode::undefined, "the file could not be read");
}

// A block that is held whole; the last one is shorter than the others, and may be empty.
std::optional<std::string_view> TftpTransfer::block(uint64_t number) const {
  const uint64_t from = (number - acked_ - 1) * block_bytes_;
  const size_t size = held();
  if (from > size || (from + block_bytes_ > size && !supply_ended_)) return std::nullopt;
  return std::string_view(buffer_).substr(buffer_start_ + from,
                                          std::min(block_bytes_, size - from));
}

bool TftpTransfer::last_block_sent() const {
  return supply_ended_ && highest_ == acked_ + held() / block_bytes_ + 1;
}

std::optional<std::string> TftpTransfer::next_datagram(uint64_t now_ms) {
  if (end_) {
    if (error_.empty()) return std::nullopt;
    return std::exchange(error_, std::string());
  }
  if (!oack_acked_) {
    if (!oack_due_) return std::nullopt;
    oack_due_ = false;
    sent_ms_ = now_ms;
    return oack_;
  }
  if (next_ > acked_ + window_) return std::nullopt;
  const auto bytes = block(next_);
  if (!bytes) return std::nullopt;
  auto datagram = tftp_data_header(static_cast<uint16_t>(next_));
  datagram += *bytes;
  ++counters_.data_sent;
  if (next_ <= highest_) ++counters_.data_resent;
  highest_ = std::max(highest_, next_);
  ++next_;
  sent_ms_ = now_ms;
  return datagram;
}

uint64_t TftpTransfer::deadline_ms() const {
  if (end_) return kNever;
  return sent_ms_ ? std::min(end_ms_, *sent_ms_ + timeout_ms_) : end_ms_;
}

void TftpTransfer::advance(uint64_t now_ms) {
  if (end_ || now_ms < deadline_ms()) return;
  if (now_ms >= end_ms_)
    return finish(TftpEnd::too_slow, TftpErrorCode::undefined, "the transfer took too long");
  ++counters_.timeouts;
  if (++tries_ >= times_.tries)
    return finish(last_block_sent() ? TftpEnd::unconfirmed : TftpEnd::peer_silent);
  if (!timeout_named_) timeout_ms_ = std::min(2 * timeout_ms_, times_.max_timeout_ms);
  oack_due_ = !oack_acked_;
  rewound_ = false;
  rewind();
  sent_ms_ = now_ms;
}

void TftpTransfer::received(uint64_t now_ms, std::span<const uint8_t> datagram) {
  advance(now_ms);
  if (end_) return;
  const auto packet = parse_tftp(datagram);
  if (!packet) {
    ++counters_.malformed;
  } else if (const auto* ack = std::get_if<TftpAck>(&*packet)) {
    acknowledged(ack->block);
  } else if (std::holds_alternative<TftpErrorPacket>(*packet)) {
    finish(TftpEnd::peer_error);
  } else if (const auto* request = std::get_if<TftpRequest>(&*packet);
             request == nullptr || request->write) {
    finish(TftpEnd::peer_illegal, TftpErrorCode::illegal_operation, "this is a read transfer");
  }
}

void TftpTransfer::acknowledged(uint16_t block) {
  if (!oack_acked_) {
    if (block != 0) {
      ++counters_.stale_acks;
      return;
    }
    oack_acked_ = true;
    oack_due_ = false;
    return progress();
  }
  const auto ahead = static_cast<uint16_t>(block - static_cast<uint16_t>(acked_));
  if (ahead == 0) {
    const bool lost_first = window_ > 1 && highest_ > acked_ && !rewound_;
    if (!lost_first) {
      ++counters_.repeated_acks;
      return;
    }
    rewound_ = true;
    ++counters_.rewinds;
    return rewind();
  }
  if (ahead > highest_ - acked_) {
    ++counters_.stale_acks;
    return;
  }
  const bool last = last_block_sent() && acked_ + ahead == highest_;
  const size_t bytes = std::min<size_t>(held(), ahead * block_bytes_);
  buffer_start_ += bytes;
  counters_.bytes_acked += bytes;
  acked_ += ahead;
  progress();
  if (acked_ < highest_) {  // a gap, RFC 7440 section 4: go on from there; it may be told twice
    rewound_ = true;
    ++counters_.rewinds;
  }
  if (last) finish(TftpEnd::done);
}

void TftpTransfer::rewind() {
  next_ = acked_ + 1;
}

void TftpTransfer::progress() {
  rewind();
  rewound_ = false;
  tries_ = 0;
  sent_ms_.reset();
  if (!timeout_named_) timeout_ms_ = times_.timeout_ms;
}

void TftpTransfer::finish(TftpEnd end) {
  end_ = end;
  buffer_.clear();
  buffer_start_ = 0;
}

void TftpTransfer::finish(TftpEnd end, TftpErrorCode code, std::string_view text) {
  finish(end);
  error_ = tftp_error(code, text);
}

}  // namespace holdfast::provision
