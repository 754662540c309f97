// What customers have put into their carts: a convergent map, whose entries have an attribute for
// each article. For any map with the calls of ReplicatedMap: in the shop that is the group's, in
// carts_test.cc a simulated one.
#ifndef CARTS_H_
#define CARTS_H_

#include <cohort/cohort.h>

#include <string>
#include <string_view>
#include <utility>

template <class Map>
class Carts {
 public:
  explicit Carts(Map map) : map_(std::move(map)) {}

  // Errors: those of WriteResult::status.
  absl::Status Put(std::string_view customer, std::string_view article, int count) {
    return map_.PutAttributes(customer, {{std::string(article), std::to_string(count)}}).status;
  }
  // Nobody puts anything into a cart while it is paid for but who has begun that. Error: kAborted,
  // somebody else has.
  absl::Status BeginPaying(std::string_view customer) { return map_.Claim(customer).status; }
  absl::Status Pay(std::string_view customer) {
    return map_.Erase(customer, {.by_owner = true, .if_present = true}).status;
  }

  // "2 lamp, 1 table"; in the order of their names.
  std::string ToString(std::string_view customer) const {
    const absl::StatusOr<std::vector<cohort::Attribute>> articles = map_.GetAttributes(customer);
    std::string text;
    if (!articles.ok()) return text;
    for (const cohort::Attribute& article : *articles)
      text += (text.empty() ? "" : ", ") + article.value + " " + article.name;
    return text;
  }

 private:
  Map map_;
};

#endif  // CARTS_H_
