// One function object of several, for std::visit: of those the one is called that fits best.
#ifndef COHORT_BASE_OVERLOADED_H_
#define COHORT_BASE_OVERLOADED_H_

namespace cohort {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace cohort

#endif  // COHORT_BASE_OVERLOADED_H_
