#include "engine/marks.h"

#include <algorithm>

namespace cohort::engine {
namespace {

bool Has(const std::vector<Rank>& ranks, Rank rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

}  // namespace

// Spec 8.32
void Marks::OnQuestion(const Question& question, CutNo cut, const Proof& at,
                       std::vector<Rank> holders, const map::MapSet& maps) {
  const bool is_ahead =
      std::any_of(wrote_.begin(), wrote_.end(), [&](Rank rank) { return !Has(holders, rank); });
  const auto states =
      std::count_if(all_.begin(), all_.end(), [](const One& one) { return one.state != nullptr; });
  const bool refuses = is_ahead || static_cast<size_t>(states) >= kMarkedMax;
  if (refuses) answers_.push_back({question, holders, std::nullopt});
  if (all_.size() >= kQuestionsMax) return;
  One& one = all_.emplace_back();
  one.question = question;
  one.cut = cut;
  one.at = at;
  one.holders = one.awaited = std::move(holders);
  if (!refuses) one.state = std::make_unique<map::MarkedState>(maps);
}

void Marks::OnOperation(Rank from, Bytes message, const map::ConvergentPlace& place) {
  if (!Has(wrote_, from)) wrote_.push_back(from);
  for (One& one : all_) {
    if (one.state != nullptr && Has(one.awaited, from)) one.state->Join(message, place);
  }
}

void Marks::OnMark(Rank from, const Question& question) {
  const auto one = std::find_if(all_.begin(), all_.end(),
                                [&](const One& other) { return other.question == question; });
  if (one == all_.end() || std::erase(one->awaited, from) == 0 || !one->awaited.empty()) return;
  if (one->state != nullptr) {
    Answer& answer = answers_.emplace_back();
    answer.question = question;
    answer.holders = std::move(one->holders);
    if (const std::optional<map::Digest> digest = one->state->JoinedDigest()) {
      answer.proof = one->at;
      answer.proof->convergent = *digest;
    }
  }
  all_.erase(one);
}

std::vector<Marks::Question> Marks::TakeDue(CutNo applied_by_all) {
  std::vector<Question> due;
  for (One& one : all_) {
    if (one.marked || one.cut > applied_by_all) continue;
    one.marked = true;
    due.push_back(one.question);
  }
  return due;
}

std::vector<Marks::Answer> Marks::TakeAnswers() { return std::exchange(answers_, {}); }

void Marks::Clear() {
  all_.clear();
  answers_.clear();
  wrote_.clear();
}

size_t Marks::bytes() const {
  size_t bytes = 0;
  for (const One& one : all_) bytes += one.state != nullptr ? one.state->bytes() : 0;
  return bytes;
}

}  // namespace cohort::engine
