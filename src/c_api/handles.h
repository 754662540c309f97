// What stands behind the opaque handles of cohort/c.h.
#ifndef COHORT_C_API_HANDLES_H_
#define COHORT_C_API_HANDLES_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cohort/c.h"
#include "cohort/cohort.h"

struct cohort_error {
  cohort_status_t status = COHORT_UNKNOWN;
  std::string message;
};

struct cohort_buffer {
  std::string bytes;
};

struct cohort_group {
  cohort::Group group;
};

struct cohort_map {
  cohort::ReplicatedMap map;
};

struct cohort_subscription {
  cohort::Subscription subscription;
};

struct cohort_attributes {
  std::vector<cohort::Attribute> list;
};

struct cohort_batch {
  cohort::WriteBatch batch;
};

struct cohort_resolution {
  std::optional<std::string> value;
};

struct cohort_session_store {
  cohort::SessionStore store;
};

// Its attributes are lent as a list of their own.
struct cohort_session {
  explicit cohort_session(cohort::SessionSnapshot of)
      : snapshot(std::move(of)), attributes{std::move(snapshot.attributes)} {}
  cohort_session(const cohort_session&) = delete;
  cohort_session& operator=(const cohort_session&) = delete;

  cohort::SessionSnapshot snapshot;
  const cohort_attributes attributes;
};

struct cohort_stats {
  std::vector<std::pair<std::string, uint64_t>> values;  // Sorted by name.
};

// Its C structs point into `view`, and changes into the lists of their members, so it stays where
// it was made.
struct cohort_view {
  explicit cohort_view(cohort::View of);
  cohort_view(const cohort_view&) = delete;
  cohort_view& operator=(const cohort_view&) = delete;

  const cohort::View view;
  std::vector<cohort_member_t> members;
  std::vector<cohort_member_t> joined_members;
  std::vector<cohort_member_t> left_members;
  std::vector<cohort_member_change_t> joined;
  std::vector<cohort_member_change_t> left;
};

#endif  // COHORT_C_API_HANDLES_H_
