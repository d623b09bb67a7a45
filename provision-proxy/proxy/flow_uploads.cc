// SPDX-License-Identifier: Apache-2.0
// What phones write: to the centre, into the spool, and back to the phone that wrote it.
#include "provision-proxy/cache/invalidation.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/proxy/contract.hh"
#include "provision-proxy/proxy/flow.hh"
#include "provision-proxy/spool/spool_worker.hh"

namespace holdfast::provision {

// Any method but GET and HEAD.
void Flow::change(const VisitPtr& visit) {
  const auto& request = visit->request;
  const bool spools = context_.spool != nullptr && !visit->origin->by_rfc() && request.body &&
                      (request.method == "PUT" || request.method == "POST") &&
                      visit->file->upload != UploadKind::refuse;
  if (!spools) {
    const auto heard = [this, visit](const ResponseHead& head) {
      changed(*visit->origin, visit->cache_request(), head);
    };
    return std::make_shared<Passage>(context_, visit, ForwardReason::method, heard)->start();
  }
  const auto heard = [this, visit](const ResponseHead& head, const std::string* body) {
    upload_denials_.judged(visit->key, head.status);
    changed(*visit->origin, visit->cache_request(), head);
    if (body != nullptr && visit->request.method == "PUT" && head.status / 100 == 2)
      remember(*visit->origin, visit->key, visit->request.fields, *body);
  };
  std::make_shared<PhoneUpload>(context_, upload_room_, upload_denials_, visit, heard)->start();
}

// What a request changed at the origin is not believed fresh here.
void Flow::changed(const OriginPort& origin, const CacheRequest& request,
                   const ResponseHead& head) {
  const std::string name = origin.config->url.to_string();
  const std::string_view names[] = {name};
  for (const auto& target : invalidated_targets(request, head, names)) {
    std::vector<Key> keys;
    context_.store.for_each([&](const EntryPtr& entry) {
      if (entry->key.origin == origin.config->name && entry->key.target == target)
        keys.push_back(entry->key);
    });
    for (const auto& key : keys) context_.store.invalidate(key, [](StoreError) {});
  }
}

// The origin has taken it: should it die now, the phone gets this and not what it had before. Only
// the origin's contract allows that, since nobody has heard the origin answer with it (RFC 9111
// section 4.4).
void Flow::remember(const OriginPort& origin, const Key& key, const Fields& request,
                    const std::string& body) {
  const auto& file = classes_.classify(key.target);
  if (!origin.stores_always() || file.upload != UploadKind::replay ||
      context_.store.find(key).empty())
    return;
  auto fill = context_.store.begin_fill(body.size());
  if (!fill->write(body) || !fill->complete()) return;
  Meta meta;
  meta.status = 200;
  meta.reason = "OK";
  if (const auto type = request.find("Content-Type")) meta.fields.add("Content-Type", *type);
  meta.request_ms = meta.response_ms = context_.unix_ms();
  const Keep keep = keeps_last_good(origin, file) ? Keep::kLastGood : Keep::kNormal;
  context_.store.commit(std::move(fill), key, std::move(meta), keep,
                        [](StoreError, const EntryPtr&) {});
}

void Flow::replayed(const OriginPort& origin, const Upload& upload, const ResponseHead& head) {
  changed(origin, {upload.method, upload.target, upload.fields}, head);
  if (upload.method == "PUT")
    remember(origin, {upload.origin, upload.target, upload.phone}, upload.fields, upload.body);
}

void Flow::replay() {
  for (const auto& replay : replays_) replay->run();
}

// A phone that asks for what it wrote gets that, until the centre has it. False: nothing waits.
bool Flow::give_back(const VisitPtr& visit) {
  if (context_.spool == nullptr || visit->origin->by_rfc() || !visit->credentials.tell_again())
    return false;
  const auto* item = context_.spool->newest(visit->key);
  if (item == nullptr || visit->refused) return false;
  context_.spool->read(item->number, [this, visit](std::optional<Upload> upload) {
    if (!upload) return look_up(visit);  // the centre has it by now, or it was damaged
    context_.counters.add(FlowCount::hits);
    CacheStatus status;
    status.hit = true;
    status.detail = "spooled";
    Answer answer;
    if (const auto type = upload->fields.find("Content-Type"))
      answer.fields.add("Content-Type", *type);
    answer.fields.add("Cache-Status", status.text());
    answer.length = upload->body.size();
    if (!visit->is_head())
      answer.bytes = std::make_shared<const std::string>(std::move(upload->body));
    visit->reply(std::move(answer));
  });
  return true;
}

}  // namespace holdfast::provision
