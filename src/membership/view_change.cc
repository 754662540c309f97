#include "membership/view_change.h"

#include "membership/view_change_impl.h"

namespace cohort::membership {

template class ViewChange<ProductionRules>;

}  // namespace cohort::membership
