// Which customer has reserved which article. For any map with the calls of ReplicatedMap: in the
// shop that is the group's, in stock_test.cc a simulated one.
#ifndef STOCK_H_
#define STOCK_H_

#include <cohort/cohort.h>

#include <string>
#include <string_view>
#include <utility>

template <class Map>
class Stock {
 public:
  explicit Stock(Map map) : map_(std::move(map)) {}

  // For ten minutes. Errors: kAborted, somebody else has it; those of WriteResult::status.
  absl::Status Reserve(std::string_view article, std::string_view customer) {
    return map_.PutIfAbsent(article, customer, {.ttl = absl::Minutes(10)}).status;
  }

  std::string ReservedBy(std::string_view article) const {
    const absl::StatusOr<cohort::Entry> entry = map_.Get(article);
    return entry.ok() ? entry->value : "nobody";
  }

 private:
  Map map_;
};

#endif  // STOCK_H_
