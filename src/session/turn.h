// One write of one session: no other of this store comes between.
#ifndef COHORT_SESSION_TURN_H_
#define COHORT_SESSION_TURN_H_

#include <memory>
#include <string_view>

#include "session/core.h"

namespace cohort::session {

class Core::Turn {
 public:
  Turn(Core& core, std::string_view id);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  Session& operator*() const { return *session_; }
  Session* operator->() const { return session_.get(); }

 private:
  Core& core_;
  std::shared_ptr<Session> session_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_TURN_H_
