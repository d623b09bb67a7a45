// SPDX-License-Identifier: Apache-2.0
// Carries datagrams, pieces of the file and time to a transfer, and its datagrams away.
#include "provision-proxy/tftp/session.hh"

#include <boost/asio/post.hpp>
#include <chrono>

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kReceiveBytes = 1024;  // ACKs and errors; a longer packet is wrong here anyway
constexpr int kReceiveBatch = 32;       // before others have their turn
constexpr int kPortTries = 32;          // the kernel draws them at random

uint64_t now_ms() {
  const auto since = steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(since).count());
}

TftpFailure failure_of(const TftpError& error) {
  if (error.code == TftpErrorCode::file_not_found) return TftpFailure::not_found;
  if (error.code == TftpErrorCode::access_violation) return TftpFailure::denied;
  return TftpFailure::unavailable;
}

void add(TftpTransferCounters& sum, const TftpTransferCounters& one) {
  sum.data_sent += one.data_sent;
  sum.data_resent += one.data_resent;
  sum.bytes_acked += one.bytes_acked;
  sum.timeouts += one.timeouts;
  sum.rewinds += one.rewinds;
  sum.repeated_acks += one.repeated_acks;
  sum.stale_acks += one.stale_acks;
  sum.malformed += one.malformed;
}

}  // namespace

TftpSession::TftpSession(Context& context, const TftpRequest& request,
                         const UdpPort::Endpoint& peer)
    : context_(context), request_(request), peer_(peer), port_(context.io), timer_(context.io) {
  request_.name = {};
}

std::string TftpSession::open(const UdpPort::Endpoint& local) {
  const auto& config = context_.config;
  for (int n = 0; n < kPortTries; ++n) {
    if (auto error = port_.open(local, config.dscp, config.device); !error.empty()) return error;
    const uint16_t port = port_.local().port();
    if (port < config.first_forbidden_port || port > config.last_forbidden_port) return "";
    port_.close();
  }
  return "no port that a transfer may take";
}

void TftpSession::start(std::string path) {
  open_deadline_ms_ = now_ms() + context_.config.open_timeout_ms;
  listen();
  arm();
  context_.source.open(std::move(path), to_address(peer_),
                       [weak = weak_from_this()](TftpSource::Opened file) {
                         const auto self = weak.lock();
                         if (self && !self->closed_) self->opened(std::move(file));
                       });
}

void TftpSession::opened(TftpSource::Opened file) {
  if (!file) return fail(failure_of(file.error()), file.error());
  file_ = std::move(file).value();
  auto policy = context_.config.policy;
  if (peer_.address().is_v6() && policy.max_block_bytes > kTftpDefaultBlockBytes + 20)
    policy.max_block_bytes = static_cast<uint16_t>(policy.max_block_bytes - 20);
  const auto size = file_->size();
  transfer_.emplace(now_ms(), request_.mode, negotiate(request_, size, policy), size,
                    context_.config.times);
  pump();
}

void TftpSession::fail(TftpFailure failure, const TftpError& error) {
  ++context_.counters.failures[failure];
  if (port_.send(peer_, tftp_error(error.code, error.text)) != UdpPort::Sent::yes)
    ++context_.counters.send_failed;
  end();
}

void TftpSession::listen() {
  port_.wait_readable([self = shared_from_this()] { self->receive(); });
}

void TftpSession::receive() {
  uint8_t buffer[kReceiveBytes];
  for (int n = 0; n < kReceiveBatch && !closed_; ++n) {
    const auto datagram = port_.receive(buffer);
    if (!datagram) break;
    if (datagram->peer != peer_) {
      stranger(*datagram);
    } else if (transfer_) {
      transfer_->received(now_ms(), datagram->bytes);
      pump();
    }
  }
  if (!closed_) listen();
}

// RFC 1350 section 4: it is told so, and the transfer is not disturbed. An ERROR has no answer.
void TftpSession::stranger(const UdpPort::Datagram& datagram) {
  ++context_.counters.strangers;
  const auto packet = parse_tftp(datagram.bytes);
  if (!packet || std::holds_alternative<TftpErrorPacket>(*packet)) return;
  if (port_.send(datagram.peer, tftp_error(TftpErrorCode::unknown_tid, "not your transfer")) !=
      UdpPort::Sent::yes)
    ++context_.counters.send_failed;
}

// Until there is nothing to do but wait. A file may call back while it is asked.
void TftpSession::pump() {
  if (pumping_) {
    again_ = true;
    return;
  }
  const auto self = shared_from_this();
  pumping_ = true;
  do {
    again_ = false;
    send();
    read();
  } while (again_ && !closed_);
  pumping_ = false;
  if (closed_) return;
  if (!transfer_->ended() || unsent_) return arm();
  ++context_.counters.ends[*transfer_->ended()];
  add(context_.counters.transfer, transfer_->counters());
  end();
}

void TftpSession::send() {
  while (!waits_to_send_) {
    if (!unsent_) unsent_ = transfer_->next_datagram(now_ms());
    if (!unsent_) return;
    const auto sent = port_.send(peer_, *unsent_);
    if (sent == UdpPort::Sent::later) {
      waits_to_send_ = true;
      port_.wait_writable([self = shared_from_this()] {
        self->waits_to_send_ = false;
        if (!self->closed_) self->pump();
      });
      return;
    }
    if (sent == UdpPort::Sent::failed) ++context_.counters.send_failed;
    unsent_.reset();
  }
}

void TftpSession::read() {
  if (reading_ || !transfer_->wants_bytes()) return;
  reading_ = true;
  file_->next([weak = weak_from_this()](const TftpPiece& piece) {
    const auto self = weak.lock();
    if (self && !self->closed_) self->got(piece);
  });
}

void TftpSession::got(const TftpPiece& piece) {
  const auto file = file_;  // it is calling, and must live until it has done
  reading_ = false;
  switch (piece.state) {
    case TftpPiece::State::bytes:
      transfer_->supply(piece.bytes);
      break;
    case TftpPiece::State::end:
      transfer_->supply_end();
      break;
    case TftpPiece::State::failed:
      transfer_->supply_failed();
      break;
  }
  pump();
  if (closed_) boost::asio::post(context_.io, [file] {});
}

void TftpSession::arm() {
  const uint64_t deadline = transfer_ ? transfer_->deadline_ms() : open_deadline_ms_;
  if (deadline == armed_ms_) return;
  armed_ms_ = deadline;
  timer_.expires_at(steady_clock::time_point(milliseconds(deadline)));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->closed_) self->on_timer();
  });
}

void TftpSession::on_timer() {
  armed_ms_ = 0;
  if (!transfer_)
    return fail(TftpFailure::open_timeout,
                {TftpErrorCode::undefined, "the file cannot be had now, try again"});
  transfer_->advance(now_ms());
  pump();
}

void TftpSession::end() {
  const auto self = shared_from_this();
  close();
  context_.ended(peer_);
}

void TftpSession::close() {
  closed_ = true;
  timer_.cancel();
  port_.close();
  file_.reset();
}

}  // namespace holdfast::provision
