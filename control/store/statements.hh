// SPDX-License-Identifier: Apache-2.0
// Carries items out on a connection, by statements that are prepared once. Writer thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/database.hh"
#include "control/store/rows.hh"

namespace holdfast::store {

class Statements {
 public:
  // The database outlives this.
  static Result<std::unique_ptr<Statements>, DbError> make(Database& database, int64_t run);

  // Within a transaction. The error of the statement that failed, if one did.
  DbError apply(const Item& item);
  // After a rollback: what was believed to be written is not.
  void forget() { written_.reset(); }
  // Deletes some of the calls that began before, or beyond so many; false: no more to delete.
  bool purge(int64_t before_ms, int64_t max_calls, DbError& error);

 private:
  using BindingKey = std::pair<std::string, std::string>;

  Statements(Database& database, int64_t run);
  DbError error_unless(bool good);
  DbError put(const BeganItem& item);
  DbError put(const FoundItem& item);
  DbError put(const AnsweredItem& item);
  DbError put(const RemarkItem& item);
  DbError put(const EndedItem& item);
  DbError put(const BindingsItem& item);
  DbError put(const MinutesItem& item);
  DbError put(const CloseLostItem& item);
  bool put_media(uint64_t call_key, const control::CallReport& report);
  bool put_binding(const sip::SavedBinding& binding);

  Database& database_;
  int64_t run_;
  Statement began_, found_, answered_, remark_, ended_, leg_, stream_, minute_, fact_;
  Statement binding_, remove_binding_, clear_bindings_;
  Statement clear_live_, live_, close_lost_;
  Statement purge_old_, purge_beyond_, purge_legs_, purge_streams_, purge_minutes_;
  // The bindings as they stand in the file; none: not known.
  std::optional<std::map<BindingKey, sip::SavedBinding>> written_;
};

}  // namespace holdfast::store
