// SPDX-License-Identifier: Apache-2.0
// The request flow of the provision proxy: from a phone's request to its answer, out of the store
// or from the centre, whatever the centre does.
//
// Asio thread. Two profiles: `phone` asks the centre for each request, keeps each phone's files
// apart, and gives the last known good one when the centre is away or sends nonsense; `rfc` is a
// shared cache by RFC 9111.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "provision-proxy/proxy/phone_upload.hh"
#include "provision-proxy/proxy/shared_fetch.hh"
#include "provision-proxy/proxy/spool_replay.hh"
#include "provision-proxy/proxy/upload_denials.hh"
#include "provision-proxy/proxy/visit.hh"

namespace holdfast::provision {

struct FlowConfig {
  std::vector<size_t> origin_of_listener;  // places in `origins`
  std::string salt;                        // of credentials' marks
  // The MAC behind a phone's address at that listener, if the kernel knows it.
  std::function<std::optional<MacAddress>(const IpAddress&, size_t listener)> neighbour_of;
};

class Flow : public RequestHandler, public FetchOwner {
 public:
  static constexpr int kMaxAttempts = 3;  // of one request; then it passes through

  Flow(FlowContext context, std::vector<OriginPort> origins, FileClasses classes,
       FlowConfig config);

  void handle(Request request, Interim interim, Reply reply) override;

  // As if this phone had asked; an empty identity: nobody in particular. For the operator: whose
  // file it is is not checked, and no fetch of the phone is noted down.
  void warm(Request request, Identity identity, Reply reply);

  // About every second, and when an origin is back: uploads that wait go to it.
  void replay();
  void stop_replays() { replays_.clear(); }  // for good: before the origins end

  size_t fetches_under_way() const { return fetches_.size(); }
  const std::vector<OriginPort>& origins() const { return origins_; }
  const FileClasses& classes() const { return classes_; }

 private:
  void serve(const VisitPtr& visit, const EntryPtr& entry, const CacheStatus& status) override;
  void ask_alone(const VisitPtr& visit) override;
  void again(const VisitPtr& visit) override;
  void credentials_judged(const Visit& visit, int status) override;
  void fetch_closed(const SharedFetch& fetch) override;

  void begin(const VisitPtr& visit);
  Key key_of(const Visit& visit) const;
  bool may_have(const VisitPtr& visit);
  void look_up(const VisitPtr& visit);
  void look_up_phone(const VisitPtr& visit, const EntryPtr& entry, ForwardReason reason);
  void look_up_rfc(const VisitPtr& visit, const EntryPtr& entry, ForwardReason reason);
  void ask(const VisitPtr& visit, const EntryPtr& base, ForwardReason reason);
  void ask_behind(const VisitPtr& visit, const EntryPtr& base);
  // `base`: what is stored, and may stand in for an origin that does not answer; or null.
  void pass(const VisitPtr& visit, ForwardReason reason, const EntryPtr& base = nullptr);
  void change(const VisitPtr& visit);
  void changed(const OriginPort& origin, const CacheRequest& request, const ResponseHead& head);
  void remember(const OriginPort& origin, const Key& key, const Fields& request,
                const std::string& body);
  void replayed(const OriginPort& origin, const Upload& upload, const ResponseHead& head);
  bool give_back(const VisitPtr& visit);
  void heard_of_head(const VisitPtr& visit, const ResponseHead& head);
  int64_t interval_ms(const Visit& visit) const;

  FlowContext context_;
  std::vector<OriginPort> origins_;
  FileClasses classes_;
  FlowConfig config_;
  std::unordered_map<std::string, std::shared_ptr<SharedFetch>>
      fetches_;  // those that may be joined
  UploadRoom upload_room_;
  UploadDenials upload_denials_;
  std::vector<std::unique_ptr<SpoolReplay>> replays_;  // of each origin by `phone`
};

}  // namespace holdfast::provision
