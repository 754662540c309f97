#include "map/subjects.h"

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/xxhash.h"

namespace cohort::map {
namespace {

uint64_t SubjectOf(uint64_t map, std::string_view key) {
  return std::max(kFirstSubject, XXH3_64bits_withSeed(key.data(), key.size(), map));
}

}  // namespace

Subjects SubjectsOf(const MapOp& op) {
  Subjects subjects;
  const uint64_t map = XXH3_64bits(op.map.data(), op.map.size());
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, BatchOp>) {
          for (const BatchItem& item : body.items) {
            subjects.push_back(
                std::visit([map](const auto& one) { return SubjectOf(map, one.key); }, item));
          }
        } else if constexpr (std::is_constructible_v<BatchItem, Body> ||
                             std::is_same_v<Body, DeltaOp>) {
          subjects.push_back(SubjectOf(map, body.key));
        } else if constexpr (std::is_same_v<Body, ClearOp>) {
          subjects.push_back(kEverySubject);
        }
      },
      op.body);
  return subjects;
}

}  // namespace cohort::map
