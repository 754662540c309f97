// The verifications that this member answers and whose marks are still to come: what it holds at
// the place of each question, and what arrives until every holder of the state has sent its mark.
//
// Idea: a place in the total order is the same moment everywhere, but not for convergent maps,
// whose operations have no place in it. So each holder marks its stream, once all are known to have
// come to the place; what it had written before the mark belongs to the proof, and all know of
// every operation on which side of the mark it is. Writers do not pause. Protocol:
// docs/protocol/map.md 8.32.
//
// Limits: kMarkedMax at once, each with a map::MarkedState; what comes besides is marked, and
// answered with "ask again", kQuestionsMax in all. Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_MARKS_H_
#define COHORT_ENGINE_MARKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "engine/verification.h"
#include "map/map_set.h"
#include "map/marked_state.h"
#include "wire/mark_record.h"

namespace cohort::engine {

inline constexpr size_t kMarkedMax = 4;
inline constexpr size_t kQuestionsMax = 1024;

class Marks {
 public:
  using Question = wire::MarkRecord;  // Of whom, and which.
  // Complete: what this member answers. Nothing: it cannot tell, and is to be asked again.
  struct Answer {
    Question question;
    std::vector<Rank> holders;  // At the place of the question, by rank, this member included.
    std::optional<Proof> proof;
  };

  // The question was delivered here, in `cut`, where this member has `at` (whose digest of
  // convergent maps is filled in later) and holds `maps`. At once over if it cannot be told.
  void OnQuestion(const Question& question, CutNo cut, const Proof& at, std::vector<Rank> holders,
                  const map::MapSet& maps);
  // An operation of a convergent map was applied here: by `from`, as it was sent.
  void OnOperation(Rank from, Bytes message, const map::ConvergentPlace& place);
  void OnMark(Rank from, const Question& question);
  // The marks this member has to send now: all members have come to the places of these questions.
  std::vector<Question> TakeDue(CutNo applied_by_all);
  std::vector<Answer> TakeAnswers();
  // A view begins, or this member is in none.
  void Clear();

  bool empty() const { return all_.empty() && answers_.empty(); }
  size_t bytes() const;  // Gathered in all states.

 private:
  struct One {
    Question question;
    CutNo cut = 0;
    Proof at;
    std::vector<Rank> holders;
    std::vector<Rank> awaited;                // Those whose marks have not come.
    bool marked = false;                      // Ours has been put out.
    std::unique_ptr<map::MarkedState> state;  // Null: refused; the others need our mark still.
  };
  std::vector<One> all_;
  std::vector<Answer> answers_;
  // Who has sent operations in this view, by rank: what came of a member that was not known to hold
  // the state at a place may be here and not elsewhere.
  std::vector<Rank> wrote_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_MARKS_H_
