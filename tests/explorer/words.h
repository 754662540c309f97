// Messages and states in words, for traces, and as keys, for interning.
#ifndef COHORT_TESTS_EXPLORER_WORDS_H_
#define COHORT_TESTS_EXPLORER_WORDS_H_

#include <string>

#include "membership/view_change_message.h"

namespace cohort::explorer {

struct Message;

membership::Ballot BallotOf(const membership::VcMessage& message);
void WriteKey(const Message& message, std::string& key);
std::string Describe(const Message& message);
std::string Describe(const membership::ProposalRef& proposal);

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_WORDS_H_
